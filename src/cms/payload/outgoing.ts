import { GatewayError } from "../../core/errors.ts";
import type { Outgoing, RecordId, Tenant } from "../../core/context.ts";
import type { Where } from "../../core/where.ts";
import { Secret } from "../../core/secret.ts";
import { bodyFor, restores } from "./body.ts";
import { asksDraft, listQuery, readOneQuery, tenantCondition, writeQuery, type AskedJob } from "./query.ts";
import type { PayloadSettings } from "./settings.ts";
import { writeForm, type WriteForm } from "./write-form.ts";

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
    const body = bodyFor(fields ?? {}, { collection, tenantId: tenant.id, isNew: true }, settings);
    const target = path(settings, [collection], writeQuery(asked, collection, settings));
    return { method: "POST", target, headers: headers(settings, sender, true), body };
  }
  if (recordId === undefined)
    throw new GatewayError("gateway.fault", { cause: "a permit without its record" });
  if (kind === "read")
    return get(settings, sender, [collection, readOneQuery(asked, collection, { ...context, id: recordId })]);
  if (kind === "delete") {
    const target = path(settings, [collection, recordId], writeQuery(asked, collection, settings));
    return { method: "DELETE", target, headers: headers(settings, sender, false) };
  }
  const body = bodyFor(fields ?? {}, { collection, tenantId: tenant.id, isNew: false }, settings);
  return updateRequest(job, { settings, recordId, body, sent: headers(settings, sender, true) });
}

/** What an update is made of, besides its form. */
interface UpdateParts {
  readonly settings: PayloadSettings;
  readonly recordId: RecordId;
  readonly body: string;
  readonly sent: Outgoing["headers"];
}

/**
 * An update, in the form that `formOf` chose. Under a partner's lock the operation by id follows where Payload refuses the
 * conditional one: an access rule may look at the id, and the refusal of a field has its path only there. The lock was
 * compared just before, by the question for the record's revisions.
 */
function updateRequest(job: AskedJob, { settings, recordId, body, sent }: UpdateParts): Outgoing {
  const { collection } = job.operation;
  const form = formOf(job);
  const trash = restores(job.fields) ? "&trash=true" : "";
  const query = `${writeQuery(job.asked, collection, settings)}${trash}`;
  const target = path(settings, [collection, recordId], query);
  const byId: Outgoing = { method: "PATCH", target, headers: sent, body };
  if (form.kind === "by-id") return byId;
  const where: Where[] = [{ id: { equals: recordId } }, tenantCondition(settings, job.permit.scope)];
  if (form.updatedAt !== undefined) where.push({ updatedAt: { equals: form.updatedAt } });
  const draft = form.draft && !asksDraft(job.asked) ? "&draft=true" : "";
  const condition = `where=${encodeURIComponent(JSON.stringify({ and: where }))}`;
  const conditional = { ...byId, target: path(settings, [collection], `${condition}&${query}${draft}`) };
  return form.updatedAt === undefined || form.keepsDraft
    ? conditional
    : { ...conditional, whenRefused: byId };
}

/** The form in which a permitted update is sent. Throws where the partner's own condition does not hold. */
export function formOf({ fields = {}, asked, permit }: AskedJob): WriteForm {
  if (permit.revisions === undefined)
    throw new GatewayError("gateway.fault", { cause: "a permit without the record's revisions" });
  return writeForm({ fields, asksDraft: asksDraft(asked), revisions: permit.revisions });
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
