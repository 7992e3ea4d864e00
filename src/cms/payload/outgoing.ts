import { GatewayError } from "../../core/errors.ts";
import type { Outgoing, RecordId, Tenant } from "../../core/context.ts";
import type { Job } from "../../core/ports.ts";
import { Secret } from "../../core/secret.ts";
import { stampedBody } from "./body.ts";
import { listQuery, readOneQuery, writeQuery } from "./query.ts";
import type { PayloadSettings } from "./settings.ts";

/** Who a request to the CMS is made by and for. */
export interface Sender {
  readonly credential: Secret;
  readonly requestId: string;
  readonly tenant?: Tenant;
}

/** The request that carries out a permitted operation. */
export function jobRequest(job: Job, settings: PayloadSettings): Outgoing {
  const { operation, query, tenant, permit, fields } = job;
  const { kind, collection } = operation;
  if (permit.scope.length === 0) throw new GatewayError("tenant.absent");
  const context = { settings, scope: permit.scope };
  const sender: Sender = { credential: job.principal.credential, requestId: job.requestId, tenant };
  const { recordId } = permit;
  if (kind === "list") return get(settings, sender, [collection, listQuery(query, collection, context)]);
  if (kind === "create") {
    const body = stampedBody(fields ?? {}, { collection, tenantId: tenant.id, isNew: true }, settings);
    const target = path(settings, [collection], writeQuery(query, settings));
    return { method: "POST", target, headers: headers(settings, sender, true), body };
  }
  if (recordId === undefined)
    throw new GatewayError("gateway.fault", { cause: "a permit without its record" });
  if (kind === "read")
    return get(settings, sender, [collection, readOneQuery(query, collection, { ...context, id: recordId })]);
  const target = path(settings, [collection, recordId], writeQuery(query, settings));
  if (kind === "delete") return { method: "DELETE", target, headers: headers(settings, sender, false) };
  const body = stampedBody(fields ?? {}, { collection, tenantId: tenant.id, isNew: false }, settings);
  return { method: "PATCH", target, headers: headers(settings, sender, true), body };
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
      String(sender.tenant.id),
      settings.tenantSlugHeader,
      sender.tenant.slug,
    );
  }
  list.push("x-request-id", sender.requestId);
  return list;
}
