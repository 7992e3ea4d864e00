import { GatewayError } from "../../core/errors.ts";
import type { Outgoing, RecordId, Tenant } from "../../core/context.ts";
import type { Where } from "../../core/where.ts";
import { Secret } from "../../core/secret.ts";
import { bodyFor, restores } from "./body.ts";
import { asksDraft, listQuery, readOneQuery, tenantCondition, writeQuery, type AskedJob } from "./query.ts";
import type { PayloadSettings } from "./settings.ts";
import { writeForm, type WriteForm } from "./write-form.ts";

const JSON_TYPE = "application/json";

/** Who a request to the CMS is made by and for. */
export interface Sender {
  readonly credential: Secret;
  readonly requestId: string;
  readonly tenant?: Tenant;
}

/** The request that carries out a permitted operation. */
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

/** A list of the job's collection in the tenant's name. */
export function listRequest(job: AskedJob, settings: PayloadSettings, query: string): Outgoing {
  return get(settings, senderOf(job), [job.operation.collection, query]);
}

/** An update, in the form that `formOf` chose. */
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
 * An update by id. Under a partner's lock it follows where Payload refuses the conditional form: an access rule may look at
 * the id, and the refusal of a field has its path only here. The lock was compared just before, by the question for the
 * record's revisions.
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

/** The form in which a permitted update is sent. Throws where the partner's own condition does not hold. */
export function formOf({ fields = {}, asked, permit }: AskedJob): WriteForm {
  if (permit.revisions === undefined)
    throw new GatewayError("gateway.fault", { cause: "a permit without the record's revisions" });
  return writeForm({ fields, asksDraft: asksDraft(asked), revisions: permit.revisions });
}

/**
 * A read of the CMS: `what` is the collection (or a path below it) and the query. A query that is too long for a URL, as the
 * tenants of a large group make it, goes as the body of a POST, which Payload (3.90, `handleEndpoints`) takes for the GET:
 * the content type has to be these very words.
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

/** Assembled from segments, each encoded on its own: nothing in an id or a slug can become a separator. */
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

/** Starts from nothing: what is not named here does not reach the CMS. */
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

/** Text as a header can hold it: as it is where it is printable ASCII without `%`, else percent-encoded UTF-8. */
function headerText(text: string): string {
  return /^[!-$&-~](?:[ -$&-~]*[!-$&-~])?$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}
