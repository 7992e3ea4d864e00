import type {
  Identity,
  Operation,
  Outgoing,
  Permit,
  Principal,
  RecordId,
  Revisions,
  Tenant,
  TenantFacts,
  TenantRef,
  UpstreamAnswer,
  Fields,
} from "./context.ts";
import type { GatewayError } from "./errors.ts";
import type { RawHeaders } from "./headers.ts";
import type { Cancellation } from "./async/cancellation.ts";
import type { Tier, AccessLogFields } from "./access-log.ts";
import type { Secret } from "./secret.ts";
import type { RequestSpan } from "./trace.ts";

/**
 * The context of a request to the CMS: the request that causes it, its cancellation, and its access-log
 * fields.
 */
export interface LookupContext {
  readonly requestId: string;
  readonly signal: Cancellation;
  readonly note: AccessLogFields;
  /** The span of the causing request, if tracing is on. */
  readonly span?: RequestSpan;
  /** The user and the tenant whose share of the connection pool this request uses, if they are known yet. */
  readonly principal?: Pick<Identity, "userId">;
  readonly tenant?: Pick<TenantFacts, "id">;
  /**
   * True if the key was not valid at its last lookup. Any client can cause such a lookup, by inventing a key.
   */
  readonly isUnknownKey?: boolean;
  /**
   * Called with the size of each part of the answer. Returns the error that ends the request, if it exceeds a
   * limit.
   */
  readonly received?: (bytes: number) => GatewayError | undefined;
}

/** A fact and the tier that had it; a `value` of `undefined` is a known absence. */
export interface Found<T> {
  readonly value: T | undefined;
  readonly via: Tier;
}

/** The connection to the CMS. */
export interface Upstream {
  /** Sends one request and resolves with its complete answer. Rejects with an `upstream.*` error. */
  send(outgoing: Outgoing, asking: LookupContext): Promise<UpstreamAnswer>;
}

/**
 * The user on whose behalf a tenant is looked up: the key for the lookup, and the name under which to cache
 * it.
 */
export interface Viewer {
  readonly credential: Secret;
  readonly name: string;
  /** The tenants that the viewer may see; all if absent. */
  readonly tenantIds?: readonly RecordId[];
}

/** All operations on the CMS. `cms/payload` implements it; another CMS would be another folder. */
export interface Cms {
  /** Resolves if the CMS answers in its own format, and rejects otherwise. */
  probe(asking: LookupContext): Promise<void>;
  /** Looks up the user of a key; `undefined` if no user has it. Rejects if the CMS gives no usable answer. */
  identify(key: Secret, asking: LookupContext): Promise<Identity | undefined>;
  /**
   * Looks up the tenant of that name as `viewer` sees it. Returns `undefined` if there is none or it is not
   * the viewer's, at the same cost. Rejects if the CMS gives no usable answer.
   */
  findTenant(ref: TenantRef, viewer: Viewer, asking: LookupContext): Promise<TenantFacts | undefined>;
  /**
   * Returns the id for a client's spelling, if it is unambiguous. `sample` is an id of this CMS, which shows
   * the type; `collection` is the record's collection. Pure.
   */
  recordId(spelling: string, sample: RecordId, collection?: string): RecordId | undefined;
  /** Returns true for a word that the CMS routes specially in place of an id. Pure. */
  isReservedId(spelling: string): boolean;
  /**
   * Returns the states of a record before a write; `undefined` if the record or its latest draft is missing
   * or not the tenant's alone. Asks the CMS each time. Rejects if the CMS gives no usable answer.
   */
  inspect(record: WriteRef, principal: Principal, asking: LookupContext): Promise<Revisions | undefined>;
  /**
   * Returns the declared relations of a body that refer to records outside the tenant's scope or to missing
   * ones, without a distinction; empty if all are allowed. An update may keep the record's present
   * references. Rejects if the CMS gives no usable answer.
   */
  outsiders(body: BodyRef, principal: Principal, asking: LookupContext): Promise<readonly string[]>;
  /** Builds the request that carries out a permitted operation. Pure. */
  outgoing(job: Job): Outgoing;
  /**
   * Builds a further request if the answers so far do not show whether the client or the CMS caused a
   * failure. Returns `undefined` if the last answer decides. Pure.
   */
  followUp(job: Job, answers: readonly UpstreamAnswer[]): Outgoing | undefined;
  /**
   * Translates the CMS's last answer for the partner; `earlier` are those before it. Throws the error that a
   * failed answer means. Pure.
   */
  translate(answer: UpstreamAnswer, job: Job, earlier?: readonly UpstreamAnswer[]): Translation;
  /**
   * Resolves with true if the sender of a native request is a CMS user. Rejects if the CMS gives no usable
   * answer.
   */
  knowsSender(request: NativeRequest, asking: LookupContext): Promise<boolean>;
  /**
   * Returns the kinds of cached facts that a native request may change: all, unless it provably cannot. Pure.
   */
  writesTo(request: NativeRequest): readonly LookupKind[];
}

/** The kinds of cached facts: the user of a key, and a tenant. */
export type LookupKind = "keys" | "tenants";

/** The head of a native request, as received. */
export interface NativeRequest {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: RawHeaders;
}

/** A reference to one record of one collection, on behalf of one tenant. */
export interface RecordRef {
  readonly collection: string;
  readonly id: RecordId;
  readonly tenant: Tenant;
}

/** A record that a request writes, with the fields of the body if there is one. */
export interface WriteRef extends RecordRef {
  /** The version's name: a version may rename the body's fields. */
  readonly version: string;
  readonly fields: Fields | undefined;
}

/** A body that creates a record of a tenant, or updates the record `id`. */
export interface BodyRef {
  /** The version's name: a version may rename the body's fields. */
  readonly version: string;
  readonly collection: string;
  readonly id?: RecordId;
  readonly tenant: Tenant;
  readonly fields: Fields;
}

/** A permitted operation, with everything that the CMS adapter needs to carry it out. */
export interface Job {
  readonly requestId: string;
  readonly operation: Operation;
  /** The version's name: a version may rename fields. */
  readonly version: string;
  readonly query: string;
  readonly tenant: Tenant;
  readonly principal: Principal;
  readonly permit: Permit;
  readonly fields: Fields | undefined;
}

/** An answer in the format of the contract. */
export interface Translation {
  readonly status: 200 | 201;
  readonly body: string | Buffer;
}

/** A cached lookup. */
export interface CachedLookup<K, T> {
  /** Returns the cached fact, or looks it up. Concurrent calls for one key share one lookup. */
  find(key: K, asking: LookupContext): Promise<Found<T>>;
  /**
   * Asks the CMS although the fact is cached; the cached one stays valid meanwhile. Concurrent calls for one
   * key share one lookup, whose answer is reused for five seconds. If the fact no longer exists, all replicas
   * invalidate it.
   */
  confirm(key: K, asking: LookupContext): Promise<Found<T>>;
}
