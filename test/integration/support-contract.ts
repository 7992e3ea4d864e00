import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { Test } from "tap";
import { KEYS } from "../support/cms/keys.ts";
import type { RecordedRequest } from "../support/cms/recorder.ts";
import type { HandClock } from "../support/clock.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";

/** Shared by the tests of the contract: requests to the gateway, and the rows of the error table. */

/** An object parsed from JSON. */
export type Json = Record<string, unknown>;

/** The parts of a request besides its method and path. */
export interface Ask {
  /** The API key; `null` sends no Authorization. Default: partner A's. */
  readonly key?: string | null;
  /** Names and values in turn, sent unchanged; a name may occur twice. */
  readonly headers?: readonly string[];
  /** Text and bytes are sent unchanged, anything else as JSON. */
  readonly body?: unknown;
}

/** A complete answer. `json` is its body, or an empty object without a body. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Json;
}

/**
 * Sends a request such as `GET /partners/2026-02/tenant-a/posts`, with spaces escaped, and reads the answer.
 */
export type Asker = (what: string, ask?: Ask) => Promise<Answer>;

/** A gateway with a function that sends requests to it. */
export interface House extends TestGateway {
  readonly ask: Asker;
}

/** The path of tenant A. The default key belongs to its user. */
export const A = "/partners/2026-02/tenant-a";

/** The TTLs outlast every test, so that the requests to the CMS do not depend on the time. */
const LONG_TTLS = { cache: { keyTtl: "1h", tenantTtl: "1h", absentTtl: "1h" } };

/**
 * These tests cause many failures in a row. An open breaker would answer for the CMS; it has its own tests.
 */
const NO_BREAKER = { breakerFailures: 1_000_000 };

/** Starts a gateway in front of `upstream`, waits until it is ready, and stops it at the end of `t`. */
export async function openHouse(
  t: Pick<Test, "teardown">,
  upstream: string,
  { clock, ...settings }: Record<string, unknown> & { readonly clock?: HandClock } = {},
): Promise<House> {
  const { upstream: ofUpstream = {} } = settings;
  const merged = { ...LONG_TTLS, ...settings, upstream: Object.assign({}, NO_BREAKER, ofUpstream) };
  const gateway = await startTestGateway(upstream, merged, clock === undefined ? {} : { clock });
  t.teardown(() => gateway.stop());
  await until("a gateway that is ready", async () => (await fetch(`${gateway.adminUrl}/readyz`)).ok);
  return { ...gateway, ask: askerOf(gateway.port) };
}

/** Returns a function that sends requests to this port of loopback. */
export function askerOf(port: number): Asker {
  return (what, ask) => send(port, what, ask);
}

async function send(port: number, what: string, ask: Ask = {}): Promise<Answer> {
  const [method = "", path = ""] = what.split(/ (.*)/s);
  const { key = KEYS.partnerA, headers = [], body } = ask;
  const bytes = body === undefined ? undefined : bytesOf(body);
  const request = httpRequest({
    host: "127.0.0.1",
    port,
    method,
    path: path.replaceAll(" ", "%20"),
    agent: false,
    headers: [
      "host",
      `127.0.0.1:${port}`,
      ...(key === null ? [] : ["authorization", `users API-Key ${key}`]),
      ...(bytes === undefined ? [] : ["content-length", String(bytes.length)]),
      ...headers,
    ],
  });
  request.end(bytes);
  // After the answer, the rest of a body may meet a closed connection. Reading shows if the answer is
  // complete.
  request.on("error", () => undefined);
  const answered: Promise<IncomingMessage[]> = once(request, "response");
  const [response] = await answered;
  if (response === undefined) throw new Error(`${what}: no answer`);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: objectOf(text) };
}

function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

function objectOf(text: string): Json {
  if (text === "") return {};
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new Error(`no JSON object: ${text}`);
  return { ...value };
}

/** The words of a text: a list whose members need no quotes. */
export function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

/** The records of a list answer. */
export function docsOf({ json }: { readonly json: Json }): Json[] {
  const { docs } = json;
  if (!Array.isArray(docs)) throw new Error(`no list: ${JSON.stringify(json)}`);
  return docs.map((doc: unknown) => (typeof doc === "object" && doc !== null ? { ...doc } : {}));
}

/** The requests that reached the CMS, without queries: `GET /api/users/me`. */
export function briefly(requests: readonly RecordedRequest[]): string[] {
  return requests.map(({ method, path }) => `${method} ${path.split("?", 1)[0] ?? ""}`);
}

/** The query of a request that reached the CMS. */
export function queryOf(request: RecordedRequest | undefined): URLSearchParams {
  return new URLSearchParams(request?.path.split(/\?(.*)/s)[1] ?? "");
}

/** A row of the error table: status, `error`, `message`. */
export type Row = readonly [status: number, error: string, message: string];

/** The error table, word for word: the published rows, then the extras. */
export const ROW = {
  missingTenant: [400, "Missing tenant", "Tenant slug or identifier must be provided"],
  missingResource: [400, "Missing resource", "Provide a collection path after the tenant segment"],
  missingIdentifier: [400, "Missing identifier", "Provide a document id after the collection"],
  invalidBody: [400, "Invalid JSON body", "Request body must be valid JSON"],
  unauthorized: [401, "Unauthorized", "Valid API key required"],
  nativeKey: [403, "Forbidden", "API keys must use the Partners API at /partners/:version/:tenant/*"],
  tenantNotFound: [404, "Tenant not found", "Unable to resolve tenant from provided headers or path"],
  documentNotFound: [404, "Not Found", "Document not found for tenant"],
  routeNotFound: [404, "Not Found", "Route not found"],
  fault: [500, "Server Error", "An unexpected error occurred"],
  failed: [500, "Server Error", "Unexpected error while processing the request"],
  contextMissing: [500, "Tenant context missing", "Unable to resolve tenant for this request"],
  malformed: [400, "Bad Request", "Malformed request"],
  notPermitted: [403, "Forbidden", "API key is not permitted to perform this action"],
  conflict: [409, "Conflict", "The request conflicts with an existing document"],
  tooLarge: [413, "Payload Too Large", "Request body exceeds 1048576 bytes"],
  invalid: [422, "Validation Failed", "The request body failed validation"],
  tooMany: [429, "Too Many Requests", "Rate limit exceeded. Please retry later."],
  badGateway: [502, "Bad Gateway", "Upstream service unavailable"],
  unavailable: [503, "Service Unavailable", "Service temporarily unavailable"],
  timeout: [504, "Gateway Timeout", "Upstream service took too long to respond"],
} as const satisfies Record<string, Row>;

/** The row of an unsupported version. The default list is the default configuration. */
export function unsupported(version: string, list = "2025-07, 2026-02"): Row {
  const message = `Version ${version} is not supported. Supported versions: ${list}`;
  return [400, "Unsupported API version", message];
}

/** A request id: a version 4 UUID (RFC 9562 section 5.4). */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Every header that an answer may have. None of them comes from the CMS. */
const OWN_HEADERS = new Set(
  words("cache-control connection content-length content-type date keep-alive x-request-id"),
);

/** The headers of an answer that are not among `OWN_HEADERS`. */
export function strangeHeaders({ headers }: Answer): string[] {
  return Object.keys(headers).filter((name) => !OWN_HEADERS.has(name));
}

/** The expected envelope: its row, a name for messages, the `errors` of a 422. */
type Refusal = readonly [row: Row, about?: string, errors?: unknown];

/** Asserts that `answer` is the envelope with exactly this row, and nothing else. */
export function refused(t: Test, answer: Answer, ...[row, about = "", errors]: Refusal): void {
  const [status, error, message] = row;
  const id = answer.headers["x-request-id"];
  const name = about === "" ? `${status} ${error}` : about;
  const envelope = { error, message, requestId: id, ...(errors === undefined ? {} : { errors }) };
  t.equal(`${answer.status} ${answer.text}`, `${status} ${JSON.stringify(envelope)}`, name);
  const mayRetry = status === 429 || status === 503;
  const extra = mayRetry ? ["retry-after"] : status === 401 ? ["www-authenticate"] : [];
  t.match(id, UUID, `${name}: a request id of the gateway`);
  t.match(
    { type: answer.headers["content-type"], cache: answer.headers["cache-control"] },
    { type: "application/json; charset=utf-8", cache: "no-store" },
    `${name}: headers of the envelope`,
  );
  t.same(strangeHeaders(answer), extra, `${name}: no other headers`);
  if (status === 401) t.equal(answer.headers["www-authenticate"], 'API-Key realm="partners"', name);
  if (mayRetry) t.match(answer.headers["retry-after"], /^[1-9]\d*$/, name);
}

/** Asserts that two answers differ in the request id and the date only. */
export function indistinguishable(t: Test, [one, other]: readonly [Answer, Answer], name: string): void {
  const shape = ({ status, headers, text }: Answer) => {
    const { "x-request-id": id = "", date: _, ...rest } = headers;
    return { status, rest, text: text.replace(String(id), "ID") };
  };
  t.same(shape(one), shape(other), name);
}
