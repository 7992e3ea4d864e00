import type { Branded } from "./brand.ts";
import type { GatewayError } from "./errors.ts";
import type { RawHeaders } from "./headers.ts";
import type { Cancellation, CancellationSource } from "./async/cancellation.ts";
import type { CanonicalPath, RequestTarget } from "./path.ts";
import type { AccessLogFields } from "./access-log.ts";
import type { Secret } from "./secret.ts";
import type { RequestSpan } from "./trace.ts";

/**
 * The words of the pipeline: a request is a value that collects evidence. Each stage takes the value that carries what
 * it needs and returns a richer one; the branded fields can be minted by one file each, so that stages in another
 * order, or a request forwarded without a permit, do not compile.
 */

/** An id as the CMS gave it. Its JSON type matters: a CMS with numeric ids reads `1abc` as 1. */
export type RecordId = string | number;

/** The key's user: who is asking. Minted by `partners/stages/authenticate.ts`. */
export type Principal = Branded<Identity & { readonly credential: Secret }, "Principal">;

/** What the CMS says of the user behind a key. Cached; holds nothing that authenticates. */
export interface Identity {
  readonly userId: RecordId;
  /** Tenants the user is a member of. */
  readonly tenantIds: readonly RecordId[];
  /** True for a role that is at home in every tenant. */
  readonly allTenants: boolean;
  /** Those of the user's roles that have a limit of their own. */
  readonly roles: readonly string[];
}

/** What the CMS says of a tenant. Cached. */
export interface TenantFacts {
  readonly id: RecordId;
  readonly slug: string;
  readonly installedApps: readonly string[];
  /** The tenants of its group, itself included, and the collections they share; absent without a group. */
  readonly group?: { readonly memberIds: readonly RecordId[]; readonly sharedCollections: readonly string[] };
}

/** The tenant that this request acts for, of which its principal is known to be a member. Minted by `partners/stages/resolve-tenant.ts`. */
export type Tenant = Branded<TenantFacts, "Tenant">;

/** A way a client named a tenant. */
export type TenantRef =
  | { readonly by: "id"; readonly id: RecordId }
  | { readonly by: "slug"; readonly slug: string };

/** A version of the API from the configured list, with the headers that tell of its end. Minted by `partners/stages/version.ts`. */
export type Version = Branded<
  { readonly name: string; readonly headers: Readonly<Record<string, string>> },
  "Version"
>;

/** What the request wants done. `id` is the client's spelling, not yet known to be one. */
export type Operation =
  | { readonly kind: "list"; readonly collection: string }
  | { readonly kind: "create"; readonly collection: string }
  | { readonly kind: "read" | "update" | "delete"; readonly collection: string; readonly id: string };

/** A JSON object, as a partner sent it or as the CMS will get it. */
export type Fields = Readonly<Record<string, unknown>>;

/** One stored state of a record. */
export interface Revision {
  /** When it was stored, as the CMS spells it; `undefined` where the collection has no timestamps. */
  readonly updatedAt: string | undefined;
  readonly isPublished: boolean;
}

/** The states in which the CMS holds a record that a request wants to write. */
export interface Revisions {
  /** The row that a read returns. */
  readonly main: Revision;
  /** True where the collection has drafts, so that later states than `main` may wait for publication. */
  readonly hasDrafts: boolean;
  /** The latest version; `undefined` without drafts, without versions, and where the key may not read it. */
  readonly latest?: Revision;
}

/**
 * The permission to forward: `read` within the tenants given, `create` in the tenant, `write` on a record of which the
 * CMS has just reported that it is the tenant's, with its states. Minted by `partners/stages/authorise.ts`.
 */
export type Permit = Branded<
  {
    readonly scope: readonly RecordId[];
    readonly recordId?: RecordId;
    readonly revisions?: Revisions;
  },
  "Permit"
>;

/** Where the body of a request comes from; the stage that needs it reads it. Whoever reads it again gets the same. */
export interface BodySource {
  /**
   * The whole body. Rejects with `body.too-large` beyond `limit` bytes, with `request.stalled` where the client stops
   * sending, and when `signal` aborts.
   */
  read(limit: number, signal: Cancellation): Promise<Buffer>;
}

/** A request as the server hands it over: nothing has been checked. */
export interface Incoming {
  readonly requestId: string;
  readonly method: string;
  /** `1.1` or `1.0`. */
  readonly httpVersion: string;
  readonly target: RequestTarget;
  readonly headers: RawHeaders;
  readonly body: BodySource;
  /** Ends when the client has gone or the deadline has passed. */
  readonly signal: CancellationSource;
  /** Runs `task` when the answer has been written to its end or the client has gone; at once where that has been. */
  readonly afterwards: (task: () => void) => void;
  /** What the access log will say; written by stages, read by nobody who decides. */
  readonly note: AccessLogFields;
  /** Its trace, where traces are wanted. */
  readonly span?: RequestSpan;
  /** Told of each part of the CMS's answer; see `LookupContext`. */
  readonly received?: (bytes: number) => GatewayError | undefined;
}

/** A request on a path with one meaning and of a shape that exists. */
export type Received = Incoming & { readonly path: CanonicalPath };
export type Authenticated = Received & { readonly principal: Principal };
export type Versioned = Authenticated & { readonly version: Version };
export type Tenanted = Versioned & { readonly tenant: Tenant };
export type Routed = Tenanted & { readonly operation: Operation };
export type Bodied = Routed & { readonly fields: Fields | undefined };
export type Permitted = Bodied & { readonly permit: Permit };
export type Prepared = Permitted & { readonly outgoing: Outgoing };
/** The last answer of the CMS's settles the request; those before it did not. */
export type Answered = Prepared & {
  readonly upstreamAnswer: UpstreamAnswer;
  readonly earlierAnswers: readonly UpstreamAnswer[];
};

/** A request to the CMS, built from validated parts and from nothing of the client's bytes. */
export interface Outgoing extends WireForm {
  /** How it is written where its target is too long for a URL. What it means, and whether it is safe, says the rest. */
  readonly sentAs?: WireForm;
}

/** What is written on a connection to the CMS. */
export interface WireForm {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Path and query, beginning with one `/`. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body?: string;
}

/** What the CMS answered, whole. */
export interface UpstreamAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** `Retry-After` as it came. */
  readonly retryAfter?: string | undefined;
  readonly body: Buffer;
}
