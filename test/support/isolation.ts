import { Pool } from "undici";
import { startTestGateway, type TestGateway } from "./gateway.ts";
import { KEYS, type KeyName } from "./cms/keys.ts";
import type { RecordedRequest } from "./cms/recorder.ts";
import { TENANTS } from "./cms/seed.ts";
import { startCms, type Cms, type CmsOptions } from "./cms/server.ts";
import { until } from "./until.ts";

/** An object parsed from JSON. */
export type Json = Record<string, unknown>;

/** An operator's settings for the fixture. Cached lookups outlive a test, so none is repeated. */
export const FIXTURE_SETTINGS = {
  cache: { keyTtl: "1h", tenantTtl: "1h", absentTtl: "1h" },
  cms: {
    ownPaths: { events: ["location.city", "location.zone"] },
    relations: {
      events: { venue: "venues", stages: "venues", category: "categories" },
      pages: { hero: "media" },
    },
    joins: { venues: { events: "events" } },
    openCollections: ["categories"],
  },
};

/** The slugs of the fixture's tenants by id. */
export const SLUGS: Readonly<Record<number, string>> = Object.fromEntries(
  TENANTS.map(({ id, slug }) => [id, slug]),
);

/** The words of a text: a list that is easier to read than one of string literals. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** The parts of a request that do not depend on the client, without the path. */
export interface Sent {
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** A string or bytes are sent unchanged, anything else as JSON. */
  readonly body?: unknown;
}

/** A complete response. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as a JSON object; empty if it is none. */
  readonly json: Json;
}

/** A client with a key. Paths are sent byte by byte as given. */
export interface Caller {
  /** `path` begins at the root. */
  call(method: string, path: string, sent?: Sent): Promise<Reply>;
  /** `path` begins after `/partners/2026-02/`. */
  ask(method: string, path: string, sent?: Sent): Promise<Reply>;
}

/** A seeded CMS and a gateway in front of it. */
export interface Site {
  readonly cms: Cms;
  readonly gateway: TestGateway;
  /** `authorization` is a whole header value in place of the key's; empty sends none. */
  as(key: KeyName, authorization?: string): Caller;
  close(): Promise<void>;
}

/** Starts both; `settings` are sections as in the YAML file. */
export async function startSite(
  settings: Record<string, unknown> = FIXTURE_SETTINGS,
  options: CmsOptions = {},
): Promise<Site> {
  const cms = await startCms(options);
  const gateway = await startTestGateway(cms.url, settings);
  // The gateway's first probe would otherwise be recorded among the test's requests.
  await until("a ready gateway", async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok);
  cms.takeRequests();
  const pool = new Pool(gateway.url, { connections: 8, pipelining: 1 });
  return {
    cms,
    gateway,
    as: (key, authorization = `users API-Key ${KEYS[key]}`) => callerOf(pool, authorization),
    async close() {
      await pool.close();
      await gateway.stop();
      await cms.close();
    },
  };
}

function callerOf(pool: Pool, authorization: string): Caller {
  const call: Caller["call"] = async (method, path, { headers = {}, body } = {}) => {
    const isRaw = body === undefined || typeof body === "string" || Buffer.isBuffer(body);
    const answer = await pool.request({
      method,
      path,
      headers: {
        ...(authorization === "" ? {} : { authorization }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: isRaw ? (body ?? null) : JSON.stringify(body),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, text, json: objectOf(text) };
  };
  return { call, ask: (method, path, sent) => call(method, `/partners/2026-02/${path}`, sent) };
}

/** The JSON object in a text, or an empty one. */
export function objectOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : {};
  } catch {
    return {};
  }
}

/** True for a JSON object. */
export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The records of a list response. */
export function docsOf({ json }: Pick<Reply, "json">): Json[] {
  const { docs } = json;
  return Array.isArray(docs) ? docs.filter(isJson) : [];
}

/**
 * The part of a response that must not distinguish rejections: everything but the date and the request id.
 */
export function faceOf({ status, headers, text }: Reply): string {
  const { date: _, "x-request-id": id, ...kept } = headers;
  return JSON.stringify([status, kept, text.replaceAll(String(id), "{id}")]);
}

/** The tenant, scope and key that the CMS's requests must keep to. */
export interface Law {
  readonly tenant: number;
  readonly scope: readonly number[];
  readonly key: KeyName;
}

/** The headers that a request to the CMS may carry; undici adds the last three. */
const HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "accept",
  "accept-encoding",
  "accept-language",
  "cdn-loop",
  "content-type",
  "x-basker-tenant-id",
  "x-basker-tenant-slug",
  "x-request-id",
  "host",
  "connection",
  "content-length",
]);

/**
 * The problems of the CMS's requests for one partner request, in words. Empty if each is a lookup of the
 * gateway or carries the tenant's constraint, and none carries any part of the client's headers.
 */
export function breaches(requests: readonly RecordedRequest[], law: Law): string[] {
  const checked = new Set<string>();
  return requests.flatMap((request) => {
    const problems = [...headerProblems(request, law), ...constraintProblems(request, law, checked)];
    return problems.map((problem) => `${request.method} ${decodeURIComponent(request.path)}: ${problem}`);
  });
}

function headerProblems(request: RecordedRequest, { key, tenant }: Law): string[] {
  const { rawHeaders, headers } = request;
  const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const problems = names.filter((name) => !HEADERS.has(name)).map((name) => `carries ${name}`);
  if (!/^partners-gateway; id=\w{24}$/.test(String(headers["cdn-loop"])))
    problems.push("carries another mark");
  if (new Set(names).size !== names.length) problems.push("carries a header twice");
  if (!UUID.test(String(headers["x-request-id"]))) problems.push("has no request id of the gateway");
  if (headers.authorization !== `users API-Key ${KEYS[key]}`) problems.push("carries another key");
  const named = [headers["x-basker-tenant-id"], headers["x-basker-tenant-slug"]].join(" ");
  const expected = isLookup(request) ? " " : `${tenant} ${SLUGS[tenant]}`;
  return named === expected ? problems : [...problems, `names the tenant "${named}"`];
}

/** `checked` collects the records that the CMS has confirmed as the tenant's. */
function constraintProblems(request: RecordedRequest, law: Law, checked: Set<string>): string[] {
  if (isLookup(request)) return [];
  const { pathname, searchParams } = new URL(request.path, "http://cms.invalid");
  const [where = "", ...more] = searchParams.getAll("where");
  const mine = [{ equals: law.tenant }, { in: [law.tenant] }];
  const record = more.length === 0 ? guarded(where, mine) : undefined;
  if (request.method === "GET") {
    if (record !== undefined) checked.add(`${pathname}/${record}`);
    if (isDraftQuestion(searchParams)) return [];
    const isScoped = more.length === 0 && guarded(where, [...mine, { in: law.scope }]) !== undefined;
    return isScoped ? [] : ["is not scoped"];
  }
  const isScoped = record !== undefined && record !== "";
  const problems: string[] = [];
  if (request.method !== "POST" && !isScoped && !checked.has(pathname))
    problems.push("writes without an ownership check");
  if (request.method === "DELETE") return problems;
  const body = objectOf(request.body ?? "");
  if (request.method === "POST" && body["tenant"] !== law.tenant) problems.push("does not stamp the tenant");
  if (request.method === "PATCH" && "tenant" in body) problems.push("carries the tenant");
  const dotted = Object.keys(body).filter((name) => /[.[\]]/.test(name));
  return [...problems, ...dotted.map((name) => `carries ${name}`)];
}

/**
 * The id in a `where` with a single `and` ("" for none), if the first condition other than the id's is one of
 * `constraints`. `undefined` otherwise.
 */
function guarded(where: string, constraints: readonly Json[]): string | undefined {
  const { and, ...others } = objectOf(where);
  if (!Array.isArray(and) || Object.keys(others).length > 0) return undefined;
  const [first, second]: unknown[] = and;
  const [, id] = /^\{"id":\{"equals":(\d+)\}\}$/.exec(JSON.stringify(first)) ?? [];
  const condition = JSON.stringify(id === undefined ? first : second);
  const isHeld = constraints.some((tenant) => JSON.stringify({ tenant }) === condition);
  return isHeld ? (id ?? "") : undefined;
}

/**
 * True for the gateway's lookup of the latest draft's tenant. A tenant condition would hide a draft that was
 * moved.
 */
function isDraftQuestion(asked: URLSearchParams): boolean {
  const { where = "", ...rest } = Object.fromEntries(asked);
  const shown = ["tenant", "updatedAt", "_status"].map((name) => [`select[${name}]`, "true"]);
  const expected = {
    limit: "1",
    pagination: "false",
    depth: "0",
    ...Object.fromEntries(shown),
    draft: "true",
    trash: "true",
  };
  return /^\{"id":\{"equals":\d+\}\}$/.test(where) && JSON.stringify(rest) === JSON.stringify(expected);
}

function isLookup({ method, path }: RecordedRequest): boolean {
  return method === "GET" && (path === "/api/users/me?depth=0" || path.startsWith("/api/tenants?where="));
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
