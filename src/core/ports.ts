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

/** A question's circumstances: on whose behalf it is asked, until when, and where the cost is noted. */
export interface LookupContext {
  readonly requestId: string;
  readonly signal: Cancellation;
  readonly note: AccessLogFields;
  /** The trace that the question belongs to, where traces are wanted. */
  readonly span?: RequestSpan;
  /** Whose the connection to the CMS is that it takes, once that is known: no tenant has more than its share. */
  readonly principal?: Pick<Identity, "userId">;
  readonly tenant?: Pick<TenantFacts, "id">;
  /** True where the key asked about was not good the last time. Anybody can cause such a question, by inventing a key. */
  readonly isUnknownKey?: boolean;
  /** Told of each part of an answer that has come. Gives the error to give it up with, where there is no room for it. */
  readonly received?: (bytes: number) => GatewayError | undefined;
}

/** A fact and how it was found; `undefined` is the known absence of one. */
export interface Found<T> {
  readonly value: T | undefined;
  readonly via: Tier;
}

/** Sends one request to the CMS and gives its whole answer. Rejects with an `upstream.*` error. */
export interface Upstream {
  send(outgoing: Outgoing, asking: LookupContext): Promise<UpstreamAnswer>;
}

/** Who asks for a tenant: the key to ask with, and in whose name the answer may be remembered. */
export interface Viewer {
  readonly credential: Secret;
  readonly name: string;
  /** The tenants that exist for the viewer; every tenant where it is left out. */
  readonly tenantIds?: readonly RecordId[];
}

/** Everything the gateway knows of the CMS. One adapter implements it; a second CMS would be a second folder. */
export interface Cms {
  /** Resolves where the CMS answers at all, as its own. Rejects where it does not. */
  probe(asking: LookupContext): Promise<void>;
  /** Whose key it is; `undefined` for nobody's. Rejects where the CMS could not say. */
  identify(key: Secret, asking: LookupContext): Promise<Identity | undefined>;
  /**
   * The tenant of that name as `viewer` sees it; `undefined` for none, and for one that is not the viewer's, at the same
   * cost. Rejects where the CMS could not say.
   */
  findTenant(ref: TenantRef, viewer: Viewer, asking: LookupContext): Promise<TenantFacts | undefined>;
  /**
   * The id that a spelling stands for, if it is one that cannot be read as another; `sample` is an id of this CMS,
   * which shows their type, `collection` where the record would be. Pure.
   */
  recordId(spelling: string, sample: RecordId, collection?: string): RecordId | undefined;
  /** True for a word that the CMS gives a meaning of its own in the place of an id. Pure. */
  isReservedId(spelling: string): boolean;
  /**
   * The states of a record that is to be written; `undefined` where the record or its latest draft is missing or not the
   * tenant's alone. The CMS is asked each time. Rejects where it could not say.
   */
  inspect(record: WriteRef, principal: Principal, asking: LookupContext): Promise<Revisions | undefined>;
  /**
   * The declared relations of a body that lead to records outside the tenant's scope or to none, which it does not tell
   * apart; empty where all may be referred to. Of an update what the record refers to already may stay. Rejects where
   * the CMS could not say.
   */
  outsiders(body: BodyRef, principal: Principal, asking: LookupContext): Promise<readonly string[]>;
  /** The request that carries out a permitted operation. Pure. */
  outgoing(job: Job): Outgoing;
  /**
   * The request that follows where the CMS's answers so far do not tell whose mistake a failure was; `undefined` where the
   * last of them settles the job. Pure.
   */
  followUp(job: Job, answers: readonly UpstreamAnswer[]): Outgoing | undefined;
  /**
   * What the partner gets for the CMS's last answer, `earlier` ones before it. Throws the error that a bad answer stands
   * for. Pure.
   */
  translate(answer: UpstreamAnswer, job: Job, earlier?: readonly UpstreamAnswer[]): Translation;
  /** True where the sender of a native request is a user of the CMS's. Rejects where the CMS could not say. */
  knowsSender(request: NativeRequest, asking: LookupContext): Promise<boolean>;
  /** The kinds of remembered facts that a native request may change; all of them, unless it provably cannot. Pure. */
  writesTo(request: NativeRequest): readonly FactKind[];
}

/** What is remembered: whose a key is, and what a tenant is. */
export type FactKind = "keys" | "tenants";

/** The head of a request to the CMS itself, as it came. */
export interface NativeRequest {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: RawHeaders;
}

/** One record of one collection, asked about for one tenant. */
export interface RecordRef {
  readonly collection: string;
  readonly id: RecordId;
  readonly tenant: Tenant;
}

/** A record that a request wants to write, with the fields of its body where it has one. */
export interface WriteRef extends RecordRef {
  /** The version's name, by which the body's fields may have other names. */
  readonly version: string;
  readonly fields: Fields | undefined;
}

/** A body that is to become a record of a tenant's, or to change the record `id`. */
export interface BodyRef {
  /** The version's name, by which the body's fields may have other names. */
  readonly version: string;
  readonly collection: string;
  readonly id?: RecordId;
  readonly tenant: Tenant;
  readonly fields: Fields;
}

/** A permitted operation with all that the CMS adapter needs to carry it out. */
export interface Job {
  readonly requestId: string;
  readonly operation: Operation;
  /** The version's name, by which fields may have other names. */
  readonly version: string;
  readonly query: string;
  readonly tenant: Tenant;
  readonly principal: Principal;
  readonly permit: Permit;
  readonly fields: Fields | undefined;
}

/** The contract's shape of an answer. */
export interface Translation {
  readonly status: 200 | 201;
  readonly body: string | Buffer;
}

/** A remembered lookup. */
export interface Facts<K, T> {
  /** What is remembered; else asks, once however many want to know. */
  find(key: K, asking: LookupContext): Promise<Found<T>>;
  /**
   * Asks whatever is remembered, which goes on counting meanwhile: one question of a key at a time, whose answer counts for
   * five seconds. Of no such fact any longer everybody is made to forget it.
   */
  confirm(key: K, asking: LookupContext): Promise<Found<T>>;
}
