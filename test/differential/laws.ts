import { isJson, type Json } from "../support/isolation.ts";
import type { Answer } from "./side.ts";
import { SINK_SETTINGS } from "./sink/project.ts";
import type { Data, Query, Value } from "./steps.ts";

/**
 * The laws: the permitted differences between the gateway's response and the CMS's own, each with its reason.
 * Any other difference is a fault of the gateway, or a missing law.
 */
export const LAWS = {
  envelope: "Every failure has the envelope and the status of the contract (section 6).",
  missing: "A record that the key cannot read in the tenant is missing, for writes as well (section 3).",
  trashedDraft: "A read by id is a list of one: a draft in the trash is missing, as in a list.",
  tenant: "A create stamps the tenant; an update's tenant field is removed in every spelling (section 3).",
  parameters: "Unknown parameters of the contract are dropped (section 5).",
  caps: "Depth and page size are capped; a bad value is the default, and without pages or a limit there is no page (section 5).",
  order: "With a sort order that the CMS cannot use, a list has its default order (section 5).",
  condition: "A condition that the CMS cannot parse or compare matches nothing (section 3).",
  asked:
    "Conditions and sort orders cannot use another record, nor a field that may not be compared (section 3).",
  draft: "An update without a status leaves a published record published and its waiting draft waiting.",
  unstorable:
    "If the database cannot store a draft's value, the CMS fails; the partner gets the name of the field.",
  draftRefused: "Payload's bulk operation, which preserves that draft, reports no class and no paths.",
  lock: "`ifUpdatedAt` is compared with the state that the update builds on, and is not a field.",
  restore: "A body with deletedAt: null reaches a record in the trash.",
  references:
    "A body can reference only records that the tenant may read, in a declared relation (section 3).",
  files: "Partners cannot write the metadata of an uploaded file.",
  empty:
    "Payload counts the pages of an empty list as 0 or as 1; a list that matches nothing may have either.",
  tenantId: "The tenant of a record is shown by its id.",
  person: "A user, or a record without a tenant that is not declared open, is shown by its id (section 3).",
  virtual: "A virtual field is withheld if the record of its value would be.",
  populate: "A populated record shows its tenant, whatever `populate` selects of it.",
  unset:
    "Payload's bulk operation stores no row instead of nulls for a localized field that is empty in each language.",
  join: "An undeclared join, or one of a populated record, is complete or left out.",
} as const;

export type LawName = keyof typeof LAWS;

/** Counts how often each law was needed. */
export class Needed {
  readonly counts = new Map<LawName, number>();

  note(law: LawName): void {
    this.counts.set(law, (this.counts.get(law) ?? 0) + 1);
  }
}

const SHAPE = /^(?:depth|locale|fallbackLocale|draft|select(?:\[\w+\])+|populate(?:\[\w+\])+)$/;
const LIST = /^(?:limit|page|sort|pagination)$/;
const MOST_DEPTH = 2;
const MOST_RECORDS = 100;

/** The CMS's query with the meaning of a partner's query. */
export function directQuery(asked: Query, isList: boolean, needed: Needed): Query {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(asked)) {
    if (SHAPE.test(name) || (isList && LIST.test(name))) query[name] = value;
    else needed.note("parameters");
  }
  const capped = { ...query, ...sizes(query, isList) };
  if (JSON.stringify(capped) !== JSON.stringify(query)) needed.note("caps");
  return capped;
}

function sizes({ depth = "", limit, page, pagination }: Query, isList: boolean): Query {
  const deep = {
    depth: /^\d+$/.test(depth) ? String(Math.min(Number(depth), MOST_DEPTH)) : String(MOST_DEPTH),
  };
  if (!isList) return deep;
  const standard = pagination === "false" ? MOST_RECORDS : 10;
  const wanted = limit === undefined || !/^\d+$/.test(limit) ? standard : Number(limit);
  const size = Math.min(wanted === 0 ? MOST_RECORDS : wanted, MOST_RECORDS);
  const hasPages = pagination !== "false" || (limit !== undefined && /^[1-9]\d*$/.test(limit));
  const at = hasPages && page !== undefined && /^[1-9]\d*$/.test(page) ? page : "1";
  return { ...deep, limit: String(size), page: at };
}

/** True for a field that a partner may compare: of the record itself, and with a value of its own. */
export function mayAsk(collection: string, field: string): boolean {
  const { ownPaths, virtualFields } = SINK_SETTINGS.cms;
  const declared: Readonly<Record<string, readonly string[]>> = ownPaths;
  const virtual: Readonly<Record<string, object>> = virtualFields;
  if (field.includes(".")) return declared[collection]?.includes(field) === true;
  return !Object.hasOwn(virtual[collection] ?? {}, field);
}

/** The permitted part of a partner's sort order. */
export function directSort(collection: string, sort: string, needed: Needed): string {
  const names = sort.split(",");
  const kept = names.filter((name) => mayAsk(collection, name.replace(/^-/, "")));
  if (kept.length < names.length) needed.note("asked");
  return kept.join(",");
}

/** The CMS's metadata of a file. */
const FILE_FACTS = new Set([
  "filename",
  "filesize",
  "height",
  "mimeType",
  "url",
  "width",
  "thumbnailURL",
  "sizes",
]);

/** The CMS's body with the meaning of a partner's body. */
export function directBody(
  data: Data,
  { collection, tenant }: { readonly collection: string; readonly tenant?: Value },
  needed: Needed,
): Data {
  const body: Record<string, Value> = {};
  for (const [name, value] of Object.entries(data)) {
    const isFile = collection === "media" && FILE_FACTS.has(name);
    const isTenant = name === "tenant" || name.includes(".");
    if (name === "ifUpdatedAt") needed.note("lock");
    else if (isFile) needed.note("files");
    else if (isTenant || (name === "id" && tenant === undefined)) needed.note("tenant");
    else body[name] = value;
  }
  return tenant === undefined ? body : { ...body, tenant };
}

/** The kind of operation, which decides how a rejection is translated. */
export type Kind = "read" | "create" | "update" | "delete";

/** The partner's response for a rejection by the CMS. */
export function refusalFor({ status, body }: Answer, kind: Kind, needed: Needed): Answer {
  needed.note("envelope");
  const isNew = kind === "create";
  const isRead = kind === "read";
  const problems = problemsOf(body);
  if (problems.some(({ tableName }) => typeof tableName === "string")) return { status: 409, body: {} };
  if (problems.length > 0 && kind !== "delete")
    return { status: 422, body: { errors: problems.map(({ path, message }) => ({ path, message })) } };
  if (status === 401 || status === 403) return { status: 403, body: {} };
  // A hook's "not found": the write may have happened.
  if (status === 404 && isNew) return { status: 422, body: { errors: [] } };
  if (status === 404 || status === 429 || status >= 500) return { status, body: {} };
  if (status === 409 || status === 412 || status === 423) return { status: 409, body: {} };
  if (isRead) return { status: 400, body: {} };
  // A delete has no body, and so no invalid fields.
  return { status: 422, body: kind === "delete" ? {} : { errors: [] } };
}

function problemsOf(body: Json): readonly Json[] {
  const first = firstError(body);
  const data = isJson(first["data"]) ? first["data"] : {};
  const problems = first["name"] === "ValidationError" ? data["errors"] : undefined;
  return Array.isArray(problems) ? problems.filter(isJson) : [];
}

function firstError(body: Json): Json {
  const { errors } = body;
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return isJson(first) ? first : {};
}

/** A place in a response where the two differ. `undefined` stands for a missing field. */
export interface Place {
  /** The names of the path to the place, without list indices. */
  readonly path: readonly string[];
  readonly direct: unknown;
  readonly partner: unknown;
  /** The record (or a part of one) with the field, as the CMS returned it. */
  readonly holder: unknown;
}

/** The law that permits a value to differ, if any; `foreign` are the ids of other tenants' venues. */
export function lawOfValue(place: Place, foreign: ReadonlySet<unknown>): LawName | undefined {
  const { path, direct, partner, holder } = place;
  const name = path.at(-1);
  if (name === "tenant" && (isShownById(direct, partner) || direct === null)) return "tenantId";
  if (path.includes("rows") && LOCALES.has(name) && direct === null && partner === undefined) return "unset";
  if (name === "message" && direct === undefined) return "references";
  if (name === "status" && direct === 500 && partner === 422) return "unstorable";
  if (name === "problems" && direct === undefined && isUnstorable(partner)) return "unstorable";
  if (name === "tenant" && path.length > 2 && direct === undefined) return "populate";
  if ((name === "folder" || name === "host") && isShownById(direct, partner)) return "person";
  if ((name === "totalPages" || name === "pagingCounter") && isEmptyList(holder)) return "empty";
  if (name === "hostEmail" && partner === undefined) return "virtual";
  if (name === "venueTitle" && partner === undefined && isUnproven(place, foreign)) return "virtual";
  if ((name === "sinks" || name === "guests") && partner === undefined && isUnprovenPage(direct))
    return "join";
  return undefined;
}

const LOCALES: ReadonlySet<unknown> = new Set(["en", "de"]);

/** Fields for which PostgreSQL stores only their options. */
const OPTIONS: ReadonlySet<unknown> = new Set(["choice", "choices", "radio"]);

function isUnstorable(problems: unknown): boolean {
  if (!Array.isArray(problems) || problems.length === 0) return false;
  return problems.every((problem: unknown) => isJson(problem) && OPTIONS.has(problem["path"]));
}

function isEmptyList(holder: unknown): boolean {
  return isJson(holder) && holder["totalDocs"] === 0;
}

function isShownById(direct: unknown, partner: unknown): boolean {
  return isJson(direct) && direct["id"] === partner;
}

/** True for a join's page that is incomplete, or that shows no owners. */
function isUnprovenPage(page: unknown): boolean {
  if (!isJson(page) || !Array.isArray(page["docs"])) return false;
  return page["hasNextPage"] !== false || page["docs"].some((record: unknown) => !isJson(record));
}

/** True if a record's venue is another tenant's, or is not shown by a record that is itself a related one. */
function isUnproven({ path, holder }: Place, foreign: ReadonlySet<unknown>): boolean {
  const venue = isJson(holder) ? holder["venue"] : undefined;
  const isMain = path.filter((name) => name !== "body" && name !== "docs").length === 1;
  return isMain ? venue === null || foreign.has(venue) : !isJson(venue);
}
