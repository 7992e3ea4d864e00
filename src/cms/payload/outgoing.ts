import { GatewayError } from "../../core/errors.ts";
import type { Outgoing, RecordId, Tenant } from "../../core/context.ts";
import type { Job } from "../../core/ports.ts";
import type { Where } from "../../core/where.ts";
import { Secret } from "../../core/secret.ts";
import { IF_UPDATED_AT, isMoment, stampedBody } from "./body.ts";
import { listQuery, readOneQuery, tenantCondition, writeQuery, type AskedJob } from "./query.ts";
import type { PayloadSettings } from "./settings.ts";

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
  const sender: Sender = { credential: job.principal.credential, requestId: job.requestId, tenant };
  const { recordId } = permit;
  if (kind === "list") return get(settings, sender, [collection, listQuery(asked, collection, context)]);
  if (kind === "create") {
    const body = stampedBody(fields ?? {}, { collection, tenantId: tenant.id, isNew: true }, settings);
    const target = path(settings, [collection], writeQuery(asked, collection, settings));
    return { method: "POST", target, headers: headers(settings, sender, true), body };
  }
  if (recordId === undefined)
    throw new GatewayError("gateway.fault", { cause: "a permit without its record" });
  if (kind === "read")
    return get(settings, sender, [collection, readOneQuery(asked, collection, { ...context, id: recordId })]);
  const target = writeTarget(job, recordId, settings);
  if (kind === "delete") return { method: "DELETE", target, headers: headers(settings, sender, false) };
  const body = stampedBody(fields ?? {}, { collection, tenantId: tenant.id, isNew: false }, settings);
  return { method: "PATCH", target, headers: headers(settings, sender, true), body };
}

/**
 * Where a write to one record goes: Payload's bulk form, whose `where` makes the id, the tenant and a partner's
 * `ifUpdatedAt` conditions of the write itself. By id it would land on a record that was moved to another tenant since
 * it was looked at. Collections whose bulk form is switched off in the CMS are written by id.
 */
function writeTarget(job: AskedJob, recordId: RecordId, settings: PayloadSettings): string {
  const { collection } = job.operation;
  const query = writeQuery(job.asked, collection, settings);
  const lock = lockOf(job);
  if (settings.cms.writesById.includes(collection)) {
    if (lock !== undefined) throw badLock("This collection cannot be written under a condition.");
    return path(settings, [collection, recordId], query);
  }
  const where: Where[] = [{ id: { equals: recordId } }, tenantCondition(settings, job.permit.scope)];
  if (lock !== undefined) where.push({ updatedAt: { equals: lock } });
  return path(settings, [collection], `where=${encodeURIComponent(JSON.stringify({ and: where }))}&${query}`);
}

/** A partner's optimistic lock, if there is one. */
function lockOf({ fields }: Job): string | undefined {
  const lock = fields?.[IF_UPDATED_AT];
  if (lock === undefined) return undefined;
  if (isMoment(lock) && /^[^ ]+T.+Z$/.test(lock)) return lock;
  throw badLock("Give the record's updatedAt as the API gave it.");
}

function badLock(message: string): GatewayError {
  return new GatewayError("document.invalid", { fields: [{ path: IF_UPDATED_AT, message }] });
}

/** A read of the CMS: `what` is the collection (or a path below it) and the query. */
export function get(settings: PayloadSettings, sender: Sender, what: readonly [string, string]): Outgoing {
  const [collection, query] = what;
  const target = path(settings, collection.split("/"), query);
  return { method: "GET", target, headers: headers(settings, sender, false) };
}

/** Assembled from segments, each encoded on its own: nothing in an id or a slug can become a separator. */
function path(settings: PayloadSettings, segments: readonly RecordId[], query: string): string {
  const joined = segments.map((segment) => encodeURIComponent(segment)).join("/");
  const base = settings.cms.apiPath === "/" ? "" : settings.cms.apiPath;
  return `${base}/${joined}${query === "" ? "" : `?${query}`}`;
}

/** Starts from nothing: what is not named here does not reach the CMS. */
function headers(settings: PayloadSettings, sender: Sender, hasBody: boolean): string[] {
  const list = [
    "authorization",
    `${settings.cms.users} API-Key ${Secret.reveal(sender.credential)}`,
    "accept",
    "application/json",
    "accept-encoding",
    "identity",
    "accept-language",
    "en",
  ];
  if (hasBody) list.push("content-type", "application/json");
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
