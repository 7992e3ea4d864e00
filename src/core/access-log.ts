import type { ErrorCode } from "./errors.ts";
import type { VersionState } from "./version-end.ts";

/** How a fact was found; `stale`: remembered, out of date, and the CMS could not be asked. */
export type Tier = "memory" | "joined" | "redis" | "cms" | "stale";

/**
 * What is known of one request for its line in the access log. Stages write it, `record` prints it; nobody decides by
 * it. Holds no key, no body and no text of the CMS.
 */
export interface AccessLogFields {
  /** The last stage that was begun. */
  stage: string;
  clientRequestId?: string;
  /** Under which its trace is found, where traces are wanted. */
  traceId?: string;
  userId?: string | number;
  keyVia?: Tier;
  version?: string;
  versionState?: VersionState;
  /** The CMS that was chosen, by its configured name. */
  upstream?: string;
  tenant?: string;
  tenantVia?: Tier;
  operation?: string;
  collection?: string;
  upstreamRequests: number;
  upstreamMs: number;
  upstreamStatus?: number;
  /** The request whose read of the CMS, and whose answer, it shared. */
  sharedWith?: string;
  code?: ErrorCode;
  cause?: unknown;
}
