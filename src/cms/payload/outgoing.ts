import { GatewayError } from "../../core/errors.ts";
import type { Outgoing, RecordId, Tenant } from "../../core/context.ts";
import type { Where } from "../../core/where.ts";
import { Secret } from "../../core/secret.ts";
import { bodyFor, restores } from "./body.ts";
import { asksDraft, listQuery, readOneQuery, tenantCondition, writeQuery, type AskedJob } from "./query.ts";
import type { PayloadSettings } from "./settings.ts";
import { writeForm, type WriteForm } from "./write-form.ts";

const JSON_TYPE = "application/json";

/** The credential, request id and tenant of a request to the CMS. */
export interface Sender {
  readonly credential: Secret;
  readonly requestId: string;
  readonly tenant?: Tenant;
}

/** Builds the request that carries out a permitted operation. */
export function jobRequest(job: AskedJob, settings: PayloadSettings): Outgoing {
  const { operation, asked, tenant, permit, fields } = job;
  const { kind, collection } = operation;
  if (permit.scope.length === 0) throw new GatewayError("tenant.absent");
  const context = { settings, tenant, scope: permit.scope };
  const sender = senderOf(job);
  if (kind === "list") return listRequest(job, settings, listQuery(asked, collection, context));
  if (kind === "create") {
    const body = bodyFor(fields ?? {}, { collection, tenantId: tenant.id, isNew: true }, settings);
    const target = path(settings, [collection], writeQuery(asked, collection, settings));
    return { method: "POST", target, headers: headers(settings, sender, JSON_TYPE), body };
  }
  if (kind === "update") return updateRequest(job, settings);
  const id = recordIdOf(job);
  if (kind === "read")
    return get(settings, sender, [collection, readOneQuery(asked, collection, { ...context, id })]);
  const target = path(settings, [collection, id], writeQuery(asked, collection, settings));
  return { method: "DELETE", target, headers: headers(settings, sender) };
}

/** Builds a list request for the job's collection, with the job's credential and tenant. */
export function listRequest(job: AskedJob, settings: PayloadSettings, query: string): Outgoing {
  return get(settings, senderOf(job), [job.operation.collection, query]);
}

/** Builds an update in the form that `formOf` chooses. */
function updateRequest(job: AskedJob, settings: PayloadSettings): Outgoing {
  const { collection } = job.operation;
  const form = formOf(job);
  const byId = updateById(job, settings);
  if (form.kind === "by-id") return byId;
  const where: Where[] = [{ id: { equals: recordIdOf(job) } }, tenantCondition(settings, job.permit.scope)];
  if (form.updatedAt !== undefined) where.push({ updatedAt: { equals: form.updatedAt } });
  const draft = form.draft && !asksDraft(job.asked) ? "&draft=true" : "";
  const condition = `where=${encodeURIComponent(JSON.stringify({ and: where }))}`;
  const target = path(settings, [collection], `${condition}&${updateQuery(job, settings)}${draft}`);
  return { ...byId, target };
}

/**
 * Builds an update by id. Under a partner's lock it follows if Payload refuses the conditional form: an
 * access rule may depend on the id, and only this form reports the path of a refused field. The lock was
 * compared just before, in the lookup of the record's revisions.
 */
export function updateById(job: AskedJob, settings: PayloadSettings): Outgoing {
  const { operation, tenant, fields } = job;
  const { collection } = operation;
  const body = bodyFor(fields ?? {}, { collection, tenantId: tenant.id, isNew: false }, settings);
  const target = path(settings, [collection, recordIdOf(job)], updateQuery(job, settings));
  return { method: "PATCH", target, headers: headers(settings, senderOf(job), JSON_TYPE), body };
}

function updateQuery(job: AskedJob, settings: PayloadSettings): string {
  const query = writeQuery(job.asked, job.operation.collection, settings);
  return restores(job.fields) ? `${query}&trash=true` : query;
}

function senderOf({ principal, requestId, tenant }: AskedJob): Sender {
  return { credential: principal.credential, requestId, tenant };
}

function recordIdOf({ permit }: AskedJob): RecordId {
  if (permit.recordId === undefined)
    throw new GatewayError("gateway.fault", { cause: "a permit without its record" });
  return permit.recordId;
}

/** Chooses the form of a permitted update. Throws if the partner's own condition does not hold. */
export function formOf({ fields = {}, asked, permit }: AskedJob): WriteForm {
  if (permit.revisions === undefined)
    throw new GatewayError("gateway.fault", { cause: "a permit without the record's revisions" });
  return writeForm({ fields, asksDraft: asksDraft(asked), revisions: permit.revisions });
}

/**
 * Builds a read of the CMS; `what` is the collection (or a path below it) and the query. A query too long for
 * a URL, as for the tenants of a large group, is sent as the body of a POST. Payload (3.90,
 * `handleEndpoints`) treats this POST as a GET, but only with exactly this content type.
 */
export function get(settings: PayloadSettings, sender: Sender, what: readonly [string, string]): Outgoing {
  const [collection, query] = what;
  const segments = collection.split("/");
  const read: Outgoing = {
    method: "GET",
    target: path(settings, segments, query),
    headers: headers(settings, sender),
  };
  if (read.target.length <= settings.maxUrl) return read;
  const asForm = ["x-payload-http-method-override", "GET"];
  return {
    ...read,
    sentAs: {
      method: "POST",
      target: path(settings, segments, ""),
      headers: [...headers(settings, sender, "application/x-www-form-urlencoded"), ...asForm],
      body: query,
    },
  };
}

/**
 * Builds a path with a query. Each segment is encoded on its own, so nothing in an id or a slug can become a
 * separator.
 */
export function path(
  settings: Pick<PayloadSettings, "cms">,
  segments: readonly RecordId[],
  query: string,
): string {
  const joined = segments.map((segment) => encodeURIComponent(segment)).join("/");
  const { apiPath, trailingSlash } = settings.cms;
  const base = apiPath === "/" ? "" : apiPath;
  return `${base}/${joined}${trailingSlash ? "/" : ""}${query === "" ? "" : `?${query}`}`;
}

/** Builds the headers of a request from an empty list, so no other header reaches the CMS. */
function headers(settings: PayloadSettings, sender: Sender, bodyType?: string): string[] {
  const list = [
    "authorization",
    `${settings.cms.users} API-Key ${Secret.reveal(sender.credential)}`,
    "accept",
    JSON_TYPE,
    "accept-encoding",
    "identity",
    "accept-language",
    "en",
  ];
  if (bodyType !== undefined) list.push("content-type", bodyType);
  if (sender.tenant !== undefined) {
    list.push(
      settings.tenantIdHeader,
      headerText(String(sender.tenant.id)),
      settings.tenantSlugHeader,
      headerText(sender.tenant.slug),
    );
  }
  list.push("x-request-id", sender.requestId);
  return list;
}

/**
 * Encodes a text as a header value: printable ASCII without `%` is unchanged, anything else becomes
 * percent-encoded UTF-8.
 */
function headerText(text: string): string {
  return /^[!-$&-~](?:[ -$&-~]*[!-$&-~])?$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}
