/** What is counted apart: what a method may do decides. */
export type RateBucket = "reads" | "writes";

/** How counting one request went; `uncounted`: the store could not be reached, and it passed. */
export type RateOutcome = "passed" | "refused" | "uncounted";

/** So many within any stretch of `window` milliseconds. */
export interface RateLimit {
  readonly limit: number;
  readonly window: number;
}

/** What a counter says of one more. */
export interface Counted {
  /** False where it was one too many, and then it was not counted. */
  readonly isWithin: boolean;
  /** How many more may come at this moment. */
  readonly remaining: number;
  /** Milliseconds until one more than those may come. */
  readonly wait: number;
}

/** Counts what passes in a rolling window. */
export interface Counter {
  /** Counts one more under that name, if it is within the limit; `undefined` where nobody can count. Never rejects. */
  count(name: string, rate: RateLimit): Promise<Counted | undefined>;
}
