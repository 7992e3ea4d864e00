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
 * The queries to the CMS. The gateway parses the client's query and builds a new one from the parameters of
 * the contract. No part of the client's query string is forwarded. A client therefore cannot append to it,
 * override it, or push a parameter out of it (qs stops at 1,000).
 */

/** A job with its parsed query, which several functions read. */
export interface AskedJob extends Job {
  readonly asked: ClientQuery;
}

const LOCALE = /^(?:[A-Za-z][A-Za-z0-9_-]{0,34}|\*)$/;

/** Builds the query of a list, without `?`. The context's `scope` holds the tenants that may be listed. */
export function listQuery(asked: ClientQuery, collection: string, context: QueryContext): string {
  const parameters = new Parameters();
  addPage(parameters, asked, { ...context, collection });
  const { settings } = context;
  const seen = seenFields(asked, { collection, isList: true }, settings);
  addShape(parameters, asked, { settings, collection, seen });
  addJoins(parameters, collection, context);
  return parameters.toString();
}

/** Adds the parameters that decide which records a list shows, and in which order. */
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
 * Builds the query for the ids of a list's page, with the list's own condition, order and paging. It reads
 * only ids, so its answer shows whether a failure lies in the condition or in the records.
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

/** Builds the query for some records of a list's page, in the shape that the client requested. */
export function partQuery(
  { asked, operation, permit, tenant }: AskedJob,
  settings: PayloadSettings,
  ids: readonly RecordId[],
): string {
  const part = { ...asked, page: undefined, pagination: "false", limit: String(ids.length) };
  return listQuery(part, operation.collection, { settings, tenant, scope: permit.scope, ids });
}

/**
 * Returns the fields in a list's conditions and order. An undeclared join field among them would tell about
 * other tenants' records. `answer.ts` recognises a join by its value, so the answer has to include these
 * fields.
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
 * Returns the fields that the gateway needs of each record, whatever the client selects: the tenant, without
 * which the tripwire cannot check the record, and the fields that a list is queried by. Payload (3.90)
 * includes the relation behind a virtual field.
 */
function seenFields(
  asked: ClientQuery,
  { collection, isList }: Seen,
  settings: PayloadSettings,
): readonly string[] {
  const asks = isList ? askedFields(asked, collection, settings) : [];
  return [...new Set([settings.cms.tenantField, ...asks])];
}

/** The records of an answer: their collection, and whether they are a list. */
interface Seen {
  readonly collection: string;
  readonly isList: boolean;
}

/**
 * Returns the fields of the CMS's answer that a client's `select` hides: the query selected them for the
 * gateway only. Payload (3.90) shows the relation behind a virtual field with the field, and gives the field
 * no value if the relation is excluded.
 */
export function hiddenFields({ asked, operation }: AskedJob, settings: PayloadSettings): readonly string[] {
  const { kind, collection } = operation;
  const select = readSelect(asked["select"], settings, collection);
  if (select === undefined) return [];
  const seen = seenFields(asked, { collection, isList: kind === "list" }, settings);
  const hidden = new Set(seen.filter((name) => isHidden(select, name)));
  // The client requested the tenant if it named it with `true` beside exclusions.
  if (select[settings.cms.tenantField] === true) hidden.delete(settings.cms.tenantField);
  for (const { name, source } of settings.virtualFields.of(collection)) {
    const [[field = ""], [relation = ""]] = [name, source];
    if (!hidden.has(relation)) continue;
    if (!isInclusion(select)) hidden.add(field);
    else if (!isHidden(select, field)) hidden.delete(relation);
  }
  return [...hidden];
}

/** Builds the query of a single read: a list of one, so that the CMS itself applies the tenant constraint. */
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

/** Builds the query of a write: only the shape of the answer, and whether the write concerns a draft. */
export function writeQuery(asked: ClientQuery, collection: string, settings: PayloadSettings): string {
  const parameters = new Parameters();
  const seen = seenFields(asked, { collection, isList: false }, settings);
  addShape(parameters, asked, { settings, collection, seen });
  return parameters.toString();
}

/** True if a request concerns drafts. */
export function asksDraft(asked: ClientQuery): boolean {
  return asked["draft"] === "true";
}

/** The context of a query: the settings, the tenant, and the tenants whose records may be seen. */
export interface QueryContext {
  readonly settings: PayloadSettings;
  readonly tenant: Tenant;
  readonly scope: readonly RecordId[];
  /** The requested records of a list, if these are not all. */
  readonly ids?: readonly RecordId[];
}

/** Builds the tenant constraint. An empty scope matches nothing (`in: []`), never everything. */
export function tenantCondition(settings: PayloadSettings, scope: readonly RecordId[]): Where {
  return { [settings.cms.tenantField]: { in: scope } };
}

/** The collection of an answer, and the fields that it includes whatever the client selects. */
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

/** Adds the locales that a client requests. */
export function addLocale(parameters: Parameters, asked: ClientQuery): void {
  if (typeof asked["locale"] === "string" && LOCALE.test(asked["locale"]))
    parameters.add("locale", asked["locale"]);
  const fallback = asked["fallbackLocale"] ?? asked["fallback-locale"];
  if (typeof fallback === "string" && LOCALE.test(fallback)) parameters.add("fallback-locale", fallback);
}

/**
 * Limits each declared join field to the records that the tenant may read in the listed collection. Payload
 * would list every tenant's records, even at depth 0. It does not matter whether the group shares the record
 * that has the join.
 */
function addJoins(parameters: Parameters, collection: string, { settings, tenant }: QueryContext): void {
  for (const [joinField, listed] of Object.entries(settings.cms.joins[collection] ?? {})) {
    const name = `joins[${joinField}][where][${settings.cms.tenantField}][in]`;
    const ids = readScope(tenant, listed).map(String);
    // Payload (3.90) splits a text at commas: a tenth of one parameter per id. Groups can be large.
    if (ids.some((id) => id.includes(",")))
      ids.forEach((id, index) => parameters.add(`${name}[${index}]`, id));
    else parameters.add(name, ids.join(","));
  }
}

/**
 * Reads `sort`. Paths into other records are dropped: an order by a value that the partner may not see is an
 * oracle.
 */
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
