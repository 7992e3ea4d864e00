/** The buckets of rate limits. The method decides which one counts the request. */
export type RateBucket = "reads" | "writes";

/** The outcome of counting one request; `uncounted`: the store was not available, and the request passed. */
export type RateOutcome = "passed" | "refused" | "uncounted";

/** At most `limit` requests in any interval of `window` milliseconds. */
export interface RateLimit {
  readonly limit: number;
  readonly window: number;
}

/** The result of counting one request. */
export interface Counted {
  /** False if the request exceeds the limit; it is then not counted. */
  readonly isWithin: boolean;
  /** The number of further requests that are allowed now. */
  readonly remaining: number;
  /** The milliseconds until one more than `remaining` is allowed. */
  readonly wait: number;
}

/** A counter of admitted requests in a sliding window. */
export interface Counter {
  /**
   * Counts one request if it is within the limit; `undefined` if the store is not available. Never rejects.
   */
  count(name: string, rate: RateLimit): Promise<Counted | undefined>;
}
