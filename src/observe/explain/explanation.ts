import type { ShownRequest, Step } from "./trace.ts";

/** What becomes, or became, of a request. */
export interface Explanation {
  readonly method: string;
  readonly target: string;
  /** `ready`: it would be sent; `answered`: it was; `refused`: by a stage, or by the CMS; `native`: no Partners request. */
  readonly verdict: "ready" | "answered" | "refused" | "native";
  readonly steps: readonly Step[];
  /** The request to the CMS, as it would go or went out. */
  readonly upstream?: ShownRequest;
  /** What the partner gets: the envelope whole, a document by its shape. */
  readonly answer?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: unknown;
  };
  /** Why, in the gateway's own words; partners do not see it. */
  readonly reason?: string;
  /** Of a request that is over: which it was. */
  readonly past?: Past;
}

/** When a request came, and how it was served. */
export interface Past {
  readonly requestId: string;
  /** ISO 8601. */
  readonly at: string;
  /** From its headers to its answer. */
  readonly ms: number;
  /** The CMS that was chosen, by its configured name; absent where none was. */
  readonly cms?: string;
  /** The equal request that was under way, whose answer it got: what was asked of the CMS is told there. */
  readonly sharedWith?: string;
}
