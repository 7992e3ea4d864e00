import type { ErrorCode } from "./errors.ts";
import type { VersionState } from "./version-end.ts";

/**
 * The source of a fact. `joined`: a lookup in flight. `stale`: an expired cache entry, because the CMS did
 * not answer.
 */
export type Tier = "memory" | "joined" | "redis" | "cms" | "stale";

/**
 * The fields of one request's line in the access log. Stages write them and `reportRequests` prints them; no decision
 * depends on them. They contain no key, no body and no text of the CMS.
 */
export interface AccessLogFields {
  /** The last stage that began. */
  stage: string;
  clientRequestId?: string;
  /** The id of its trace, if tracing is on. */
  traceId?: string;
  userId?: string | number;
  keyVia?: Tier;
  version?: string;
  versionState?: VersionState;
  /** The configured name of the CMS that serves the request. */
  upstream?: string;
  tenant?: string;
  tenantVia?: Tier;
  operation?: string;
  collection?: string;
  upstreamRequests: number;
  upstreamMs: number;
  upstreamStatus?: number;
  /** The id of the request whose read of the CMS it shared. */
  sharedWith?: string;
  code?: ErrorCode;
  cause?: unknown;
}
