import type { RecordId, Tenant } from "../../core/context.ts";
import type { Job } from "../../core/ports.ts";
import { readScope } from "../../core/scope.ts";
import { fieldsOf, ownField, readWhere, type Where } from "../../core/where.ts";
import type { ClientQuery } from "./client-query.ts";
import { depth, pagingOf } from "./paging.ts";
import { Parameters } from "./parameters.ts";
import { isHidden, isInclusion, readPopulate, readSelect, showFields } from "./selection.ts";
import { whereLimits, type PayloadSettings } from "./settings.ts";

/**
 * Queries: the client's is taken apart, what the contract knows is put together anew. Nothing of the client's query
 * string is passed on as it came, so there is nothing to append to, outrun (qs stops at 1000 parameters) or override.
 */

/** A job with its query taken apart, which is done once: several questions are asked of it. */
export interface AskedJob extends Job {
  readonly asked: ClientQuery;
}

const LOCALE = /^(?:[A-Za-z][A-Za-z0-9_-]{0,34}|\*)$/;

/** The query of a list, without its leading `?`. `scope` holds the tenants whose records may be listed. */
export function listQuery(asked: ClientQuery, collection: string, context: QueryContext): string {
  const parameters = new Parameters();
  addPage(parameters, asked, { ...context, collection });
  const { settings } = context;
  const seen = seenFields(asked, { collection, isList: true }, settings);
  addShape(parameters, asked, { settings, collection, seen });
  addJoins(parameters, collection, context);
  return parameters.toString();
}

/** Which records a list shows, and in which order. */
function addPage(
  parameters: Parameters,
  asked: ClientQuery,
  { settings, scope, ids, collection }: QueryContext & { readonly collection: string },
): void {
  const client = readWhere(asked["where"], whereLimits(settings, collection));
  const parts: Where[] = [tenantCondition(settings, scope)];
  if (client.kind === "narrow") parts.push(client.where);
  if (client.kind === "nothing") parts.push({ id: { in: [] } });
  if (ids !== undefined) parts.push({ id: { in: ids } });
  parameters.add("where", JSON.stringify({ and: parts }));
  const { limit, page, unpaged } = pagingOf(asked, settings);
  parameters.add("limit", String(limit));
  if (unpaged) parameters.add("pagination", "false");
  if (page > 1) parameters.add("page", String(page));
  const sort = readSort(asked["sort"], settings, collection);
  if (sort !== "") parameters.add("sort", sort);
}

/**
 * The ids of a list's page, on the same terms as the list: the question shows whether a failure lies in the condition or
 * in the records. Nothing but ids is read.
 */
export function idsQuery({ asked, operation, permit, tenant }: AskedJob, settings: PayloadSettings): string {
  const parameters = new Parameters();
  const { collection } = operation;
  addPage(parameters, asked, { settings, tenant, scope: permit.scope, collection });
  parameters.add("depth", "0");
  if (asksDraft(asked)) parameters.add("draft", "true");
  parameters.add("select[id]", "true");
  return parameters.toString();
}

/** Some records of a list's page, in the shape in which the list was asked for. */
export function partQuery(
  { asked, operation, permit, tenant }: AskedJob,
  settings: PayloadSettings,
  ids: readonly RecordId[],
): string {
  const part = { ...asked, page: undefined, pagination: "false", limit: String(ids.length) };
  return listQuery(part, operation.collection, { settings, tenant, scope: permit.scope, ids });
}

/**
 * The fields that a list asks by, in its conditions and its order. A join field among them that nobody declared would
 * tell about other tenants' records; how it is recognised is in `answer.ts`, which needs to see the field for that.
 */
export function askedFields(
  asked: ClientQuery,
  collection: string,
  settings: PayloadSettings,
): readonly string[] {
  const limits = whereLimits(settings, collection);
  const client = readWhere(asked["where"], limits);
  const inWhere = client.kind === "narrow" ? fieldsOf(client.where) : [];
  const inSort = readSort(asked["sort"], settings, collection)
    .split(",")
    .map((name) => name.replace(/^-/, ""));
  const names = new Set([...inWhere, ...inSort]);
  return [...names].filter((name) => name !== "" && name !== "id" && !name.includes("."));
}

/**
 * The fields that the gateway has to see of each record, whatever a client selects: whose it is, without which the
 * tripwire would be blind, and what a list is asked by. The relation behind a virtual field comes with it (Payload 3.90).
 */
function seenFields(
  asked: ClientQuery,
  { collection, isList }: Seen,
  settings: PayloadSettings,
): readonly string[] {
  const asks = isList ? askedFields(asked, collection, settings) : [];
  return [...new Set([settings.cms.tenantField, ...asks])];
}

/** The records that are seen: of which collection, and whether a list of them was asked for. */
interface Seen {
  readonly collection: string;
  readonly isList: boolean;
}

/**
 * The fields of the CMS's answer that a client's `select` hides: those that were shown for the gateway alone. Payload (3.90)
 * shows the relation behind a virtual field with the field, and has no value for the field where the relation is excluded.
 */
export function hiddenFields({ asked, operation }: AskedJob, settings: PayloadSettings): readonly string[] {
  const { kind, collection } = operation;
  const select = readSelect(asked["select"], settings, collection);
  if (select === undefined) return [];
  const seen = seenFields(asked, { collection, isList: kind === "list" }, settings);
  const hidden = new Set(seen.filter((name) => isHidden(select, name)));
  // Named with `true` beside exclusions, the tenant was asked for.
  if (select[settings.cms.tenantField] === true) hidden.delete(settings.cms.tenantField);
  for (const { name, source } of settings.virtualFields.of(collection)) {
    const [[field = ""], [relation = ""]] = [name, source];
    if (!hidden.has(relation)) continue;
    if (!isInclusion(select)) hidden.add(field);
    else if (!isHidden(select, field)) hidden.delete(relation);
  }
  return [...hidden];
}

/** The query of a single read: a list of one, so that the CMS itself applies the tenant's constraint. */
export function readOneQuery(
  asked: ClientQuery,
  collection: string,
  context: QueryContext & { readonly id: RecordId },
): string {
  const parameters = new Parameters();
  const where = { and: [{ id: { equals: context.id } }, tenantCondition(context.settings, context.scope)] };
  parameters.add("where", JSON.stringify(where));
  parameters.add("limit", "1");
  parameters.add("pagination", "false");
  const { settings } = context;
  const seen = seenFields(asked, { collection, isList: false }, settings);
  addShape(parameters, asked, { settings, collection, seen });
  addJoins(parameters, collection, context);
  return parameters.toString();
}

/** The query of a write: only what shapes the answer, and whether a draft is meant. */
export function writeQuery(asked: ClientQuery, collection: string, settings: PayloadSettings): string {
  const parameters = new Parameters();
  const seen = seenFields(asked, { collection, isList: false }, settings);
  addShape(parameters, asked, { settings, collection, seen });
  return parameters.toString();
}

/** True where a request is about drafts. */
export function asksDraft(asked: ClientQuery): boolean {
  return asked["draft"] === "true";
}

/** What a query is made for: the settings, the tenant, and those whose records of the collection may be seen. */
export interface QueryContext {
  readonly settings: PayloadSettings;
  readonly tenant: Tenant;
  readonly scope: readonly RecordId[];
  /** The records of a list that are asked for, where that is not all of them. */
  readonly ids?: readonly RecordId[];
}

/** The tenant's constraint. An empty scope matches nothing (`in: []`), never everything. */
export function tenantCondition(settings: PayloadSettings, scope: readonly RecordId[]): Where {
  return { [settings.cms.tenantField]: { in: scope } };
}

/** What an answer has to show besides what a client asked for. */
interface Shape {
  readonly settings: PayloadSettings;
  readonly collection: string;
  readonly seen: readonly string[];
}

function addShape(parameters: Parameters, asked: ClientQuery, { settings, collection, seen }: Shape): void {
  const chosen = readSelect(asked["select"], settings, collection);
  const select = chosen === undefined ? undefined : showFields(chosen, seen);
  parameters.add("depth", String(depth(asked["depth"], settings.maxDepth)));
  addLocale(parameters, asked);
  if (asksDraft(asked)) parameters.add("draft", "true");
  if (select !== undefined) parameters.addTree("select", select);
  for (const [name, selection] of readPopulate(asked["populate"], settings)) {
    parameters.addTree(`populate[${name}]`, selection);
  }
}

/** The language that a client asks for. */
export function addLocale(parameters: Parameters, asked: ClientQuery): void {
  if (typeof asked["locale"] === "string" && LOCALE.test(asked["locale"]))
    parameters.add("locale", asked["locale"]);
  const fallback = asked["fallbackLocale"] ?? asked["fallback-locale"];
  if (typeof fallback === "string" && LOCALE.test(fallback)) parameters.add("fallback-locale", fallback);
}

/**
 * A declared join field lists only what may be read of the collection it lists; Payload would list everybody's, even at
 * depth 0. Whether the group shares the record that has the join says nothing of what it lists.
 */
function addJoins(parameters: Parameters, collection: string, { settings, tenant }: QueryContext): void {
  for (const [joinField, listed] of Object.entries(settings.cms.joins[collection] ?? {})) {
    const name = `joins[${joinField}][where][${settings.cms.tenantField}][in]`;
    const ids = readScope(tenant, listed).map(String);
    // One text, which Payload (3.90) splits at commas, is a tenth of a parameter for each: groups can be large.
    if (ids.some((id) => id.includes(",")))
      ids.forEach((id, index) => parameters.add(`${name}[${index}]`, id));
    else parameters.add(name, ids.join(","));
  }
}

/** A path into another record is an order by something the partner may not see, and so an oracle: left out. */
export function readSort(asked: unknown, settings: PayloadSettings, collection: string): string {
  const names = typeof asked === "string" ? asked.split(",") : Array.isArray(asked) ? asked : [];
  const limits = whereLimits(settings, collection);
  return names
    .slice(0, 10)
    .filter((name): name is string => typeof name === "string")
    .map((name) => name.trim())
    .flatMap((name) => {
      const field = ownField(name.replace(/^-/, ""), limits);
      return field === undefined ? [] : [name.startsWith("-") ? `-${field}` : field];
    })
    .join(",");
}
