import { parse } from "qs-esm";
import type { RecordId, Tenant } from "../../core/context.ts";
import type { Job } from "../../core/ports.ts";
import { readScope } from "../../core/scope.ts";
import { fieldsOf, ownField, readWhere, type Where } from "../../core/where.ts";
import { Parameters } from "./parameters.ts";
import { isHidden, readPopulate, readSelect, showFields } from "./selection.ts";
import { whereLimits, type PayloadSettings } from "./settings.ts";

/**
 * Queries: the client's is taken apart, what the contract knows is put together anew. Nothing of the client's query
 * string is passed on as it came, so there is nothing to append to, outrun (qs stops at 1000 parameters) or override.
 */

/** A client's query, taken apart: nothing of it is known to be right. */
export type ClientQuery = Readonly<Record<string, unknown>>;

/** A job with its query taken apart, which is done once: several questions are asked of it. */
export interface AskedJob extends Job {
  readonly asked: ClientQuery;
}

const MAX_PARAMETERS = 1000;
const UNREADABLE = { where: [] } as const;
const NO_QUERY: ClientQuery = {};
const LOCALE = /^(?:[A-Za-z][A-Za-z0-9_-]{0,34}|\*)$/;

/**
 * What a client asked, by the CMS's own reading of query strings. A query of so many parameters that the parser would
 * silently stop reading has a `where` that matches nothing.
 */
export function readQuery(query: string): ClientQuery {
  if (query === "") return NO_QUERY;
  if (query.split("&", MAX_PARAMETERS + 1).length > MAX_PARAMETERS) return UNREADABLE;
  return parse(query, { depth: 30, arrayLimit: 1000, parameterLimit: MAX_PARAMETERS, plainObjects: true });
}

/** The query of a list, without its leading `?`. `scope` holds the tenants whose records may be listed. */
export function listQuery(asked: ClientQuery, collection: string, context: QueryContext): string {
  const { settings, scope } = context;
  const client = readWhere(asked["where"], whereLimits(settings, collection));
  const parts: Where[] = [tenantCondition(settings, scope)];
  if (client.kind === "narrow") parts.push(client.where);
  if (client.kind === "nothing") parts.push({ id: { in: [] } });
  const parameters = new Parameters();
  parameters.add("where", JSON.stringify({ and: parts }));
  const { limit, page } = pagingOf(asked, settings);
  parameters.add("limit", String(limit));
  if (page === undefined) parameters.add("pagination", "false");
  else if (isPositive(asked["page"])) parameters.add("page", String(page));
  const sort = readSort(asked["sort"], settings, collection);
  if (sort !== "") parameters.add("sort", sort);
  addShape(parameters, asked, { settings, collection, seen: seenFields(asked, collection, settings) });
  addJoins(parameters, collection, context);
  return parameters.toString();
}

/**
 * The ids of records that match a list's `where` (of any record without one), on the same terms as the list: the question
 * shows whether a failure lies in the condition or in the records. Nothing but ids is read.
 */
export function probeQuery(
  { asked, operation, permit }: AskedJob,
  settings: PayloadSettings,
  where: unknown,
): string {
  const client = readWhere(where, whereLimits(settings, operation.collection));
  const parts: Where[] = [tenantCondition(settings, permit.scope)];
  if (client.kind === "narrow") parts.push(client.where);
  const parameters = new Parameters();
  parameters.add("where", JSON.stringify({ and: parts }));
  parameters.add("limit", String(pagingOf(asked, settings).limit));
  parameters.add("pagination", "false");
  parameters.add("depth", "0");
  if (asksDraft(asked)) parameters.add("draft", "true");
  parameters.add("select[id]", "true");
  return parameters.toString();
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
 * tripwire would be blind, and what a list is asked by.
 */
function seenFields(
  asked: ClientQuery,
  listed: string | undefined,
  settings: PayloadSettings,
): readonly string[] {
  const { tenantField } = settings.cms;
  return listed === undefined ? [tenantField] : [tenantField, ...askedFields(asked, listed, settings)];
}

/** Which of the fields that were shown for the gateway alone a client's `select` hides. */
export function hiddenFields({ asked, operation }: AskedJob, settings: PayloadSettings): readonly string[] {
  const select = readSelect(asked["select"], settings, operation.collection);
  if (select === undefined) return [];
  const listed = operation.kind === "list" ? operation.collection : undefined;
  return seenFields(asked, listed, settings).filter((name) => isHidden(select, name));
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
  const seen = seenFields(asked, undefined, settings);
  addShape(parameters, asked, { settings, collection, seen });
  addJoins(parameters, collection, context);
  return parameters.toString();
}

/** The query of a write: only what shapes the answer, and whether a draft is meant. */
export function writeQuery(asked: ClientQuery, collection: string, settings: PayloadSettings): string {
  const parameters = new Parameters();
  const seen = seenFields(asked, undefined, settings);
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
  if (typeof asked["locale"] === "string" && LOCALE.test(asked["locale"]))
    parameters.add("locale", asked["locale"]);
  const fallback = asked["fallbackLocale"] ?? asked["fallback-locale"];
  if (typeof fallback === "string" && LOCALE.test(fallback)) parameters.add("fallback-locale", fallback);
  if (asksDraft(asked)) parameters.add("draft", "true");
  if (select !== undefined) parameters.addTree("select", select);
  for (const [name, selection] of readPopulate(asked["populate"], settings)) {
    parameters.addTree(`populate[${name}]`, selection);
  }
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

/** Which part of a list is asked for: documents at the most, and the page, `undefined` without pages. */
export function pagingOf(
  asked: ClientQuery,
  { maxPage }: PayloadSettings,
): { readonly limit: number; readonly page: number | undefined } {
  const unpaged = asked["pagination"] === "false";
  const limit = pageSize(asked["limit"], unpaged, maxPage);
  if (unpaged) return { limit, page: undefined };
  return { limit, page: isPositive(asked["page"]) ? Number(asked["page"]) : 1 };
}

function pageSize(asked: unknown, unpaged: boolean, cap: number): number {
  const standard = unpaged ? cap : Math.min(10, cap);
  if (typeof asked !== "string" || !/^\d{1,9}$/.test(asked)) return standard;
  const wanted = Number(asked);
  return wanted === 0 ? cap : Math.min(wanted, cap);
}

function depth(asked: unknown, cap: number): number {
  return typeof asked === "string" && /^\d{1,3}$/.test(asked) ? Math.min(Number(asked), cap) : cap;
}

function isPositive(asked: unknown): asked is string {
  return typeof asked === "string" && /^[1-9]\d{0,8}$/.test(asked);
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
