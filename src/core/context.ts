import type { Branded } from "./brand.ts";
import type { GatewayError } from "./errors.ts";
import type { RawHeaders } from "./headers.ts";
import type { Cancellation, CancellationSource } from "./async/cancellation.ts";
import type { CanonicalPath, RequestTarget } from "./path.ts";
import type { AccessLogFields } from "./access-log.ts";
import type { Secret } from "./secret.ts";
import type { RequestSpan } from "./trace.ts";

/**
 * The types of the pipeline. Each stage takes a request value with the fields that it needs and returns one
 * with more fields. Only one file may create each branded field, so stages in a wrong order, or a request
 * that is forwarded without a permit, do not compile.
 */

/** An id as the CMS returned it. Its JSON type matters: a CMS with numeric ids reads `1abc` as 1. */
export type RecordId = string | number;

/** The user of the request's API key. Minted by `partners/stages/authenticate.ts`. */
export type Principal = Branded<Identity & { readonly credential: Secret }, "Principal">;

/** The CMS's data about the user of a key. Cached; contains no credential. */
export interface Identity {
  readonly userId: RecordId;
  /** Tenants the user is a member of. */
  readonly tenantIds: readonly RecordId[];
  /** True if a role of the user gives access to every tenant. */
  readonly allTenants: boolean;
  /** The user's roles that have a rate limit of their own. */
  readonly roles: readonly string[];
}

/** The CMS's data about a tenant. Cached. */
export interface TenantFacts {
  readonly id: RecordId;
  readonly slug: string;
  readonly installedApps: readonly string[];
  /** The tenants of its group, itself included, and the collections they share; absent without a group. */
  readonly group?: { readonly memberIds: readonly RecordId[]; readonly sharedCollections: readonly string[] };
}

/** The request's tenant; its principal is a member. Minted by `partners/stages/resolve-tenant.ts`. */
export type Tenant = Branded<TenantFacts, "Tenant">;

/** A way a client named a tenant. */
export type TenantRef =
  | { readonly by: "id"; readonly id: RecordId }
  | { readonly by: "slug"; readonly slug: string };

/**
 * A configured API version, with its `Deprecation` and `Sunset` headers. Minted by
 * `partners/stages/version.ts`.
 */
export type Version = Branded<
  { readonly name: string; readonly headers: Readonly<Record<string, string>> },
  "Version"
>;

/** The requested operation. `id` is the client's spelling; it is not yet validated. */
export type Operation =
  | { readonly kind: "list"; readonly collection: string }
  | { readonly kind: "create"; readonly collection: string }
  | { readonly kind: "read" | "update" | "delete"; readonly collection: string; readonly id: string };

/** A JSON object, as a partner sent it or as it is sent to the CMS. */
export type Fields = Readonly<Record<string, unknown>>;

/** A stored state of a record. */
export interface Revision {
  /** The time of storage, as the CMS spells it; `undefined` if the collection has no timestamps. */
  readonly updatedAt: string | undefined;
  readonly isPublished: boolean;
}

/** The stored states of a record that a request writes. */
export interface Revisions {
  /** The row that a read returns. */
  readonly main: Revision;
  /** True if the collection has drafts, so that newer states than `main` may be unpublished. */
  readonly hasDrafts: boolean;
  /** The latest version; `undefined` without drafts, without versions, and if the key may not read it. */
  readonly latest?: Revision;
}

/**
 * The permission to forward a request: to read within the tenants in `scope`, to create in the tenant, or to
 * write a record. For a write, the CMS has just confirmed that the record is the tenant's, and `revisions`
 * has its states. Minted by `partners/stages/authorise.ts`.
 */
export type Permit = Branded<
  {
    readonly scope: readonly RecordId[];
    readonly recordId?: RecordId;
    readonly revisions?: Revisions;
  },
  "Permit"
>;

/** The source of a request's body, read by the stage that needs it. A second read returns the same body. */
export interface BodySource {
  /**
   * Reads the whole body. Rejects with `body.too-large` beyond `limit` bytes, with `request.stalled` if the
   * client stops sending, and when `signal` aborts.
   */
  read(limit: number, signal: Cancellation): Promise<Buffer>;
}

/** A request as the server passes it on: nothing has been validated. */
export interface Incoming {
  readonly requestId: string;
  readonly method: string;
  /** `1.1` or `1.0`. */
  readonly httpVersion: string;
  readonly target: RequestTarget;
  readonly headers: RawHeaders;
  readonly body: BodySource;
  /** Aborts when the client has disconnected or the deadline has passed. */
  readonly signal: CancellationSource;
  /**
   * Runs `task` when the answer is fully written or the client has disconnected; at once if that has
   * happened.
   */
  readonly afterwards: (task: () => void) => void;
  /** The access log's fields. Stages write them; no decision depends on them. */
  readonly note: AccessLogFields;
  /** The request's span, if tracing is on. */
  readonly span?: RequestSpan;
  /** Called with each part of the CMS's answer; see `LookupContext`. */
  readonly received?: (bytes: number) => GatewayError | undefined;
}

/** A request whose path is unambiguous and has the shape of a known route. */
export type Received = Incoming & { readonly path: CanonicalPath };
export type Authenticated = Received & { readonly principal: Principal };
export type Versioned = Authenticated & { readonly version: Version };
export type Tenanted = Versioned & { readonly tenant: Tenant };
export type Routed = Tenanted & { readonly operation: Operation };
export type Bodied = Routed & { readonly fields: Fields | undefined };
export type Permitted = Bodied & { readonly permit: Permit };
export type Prepared = Permitted & { readonly outgoing: Outgoing };
/** A request with the CMS's final answer; `earlierAnswers` did not decide the outcome. */
export type Answered = Prepared & {
  readonly upstreamAnswer: UpstreamAnswer;
  readonly earlierAnswers: readonly UpstreamAnswer[];
};

/** A request to the CMS, built from validated parts only, never from the client's bytes. */
export interface Outgoing extends WireForm {
  /** The form to send if the target is too long for a URL. The other fields define its meaning and safety. */
  readonly sentAs?: WireForm;
}

/** The parts of a request as written on a connection to the CMS. */
export interface WireForm {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Path and query, beginning with one `/`. */
  readonly target: string;
  /** Alternating names and values. */
  readonly headers: readonly string[];
  readonly body?: string;
}

/** A complete answer of the CMS. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** The value of `Retry-After`, unchanged. */
  readonly retryAfter?: string | undefined;
  readonly body: Buffer;
}
