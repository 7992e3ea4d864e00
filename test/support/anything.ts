import * as fc from "fast-check";
import { words } from "./isolation.ts";
import { chunked } from "./raw.ts";

/** Random requests for properties that hold for any request: mostly valid, each with few faults. */

/**
 * The end of every header value that decides nothing. If it reaches the CMS or the client, the header was
 * forwarded.
 */
export const PLANTED = "planted";

/** Any spelling of a text: letters in another case, escaped once or twice, or with something between them. */
function misspelt(text: string): fc.Arbitrary<string> {
  const at = fc.nat({ max: Math.max(0, text.length - 1) });
  const escape = (letter: string): string => `%${letter.charCodeAt(0).toString(16).padStart(2, "0")}`;
  const between = words("/ // /../ /./ %2f %2e%2e ; ;x=1 \\ %5c %00 %09 # ? .. %c0%af %ff & ., _ * @ :");
  return fc.oneof(
    at.map((i) => text.slice(0, i) + escape(text[i] ?? "x") + text.slice(i + 1)),
    at.map((i) => text.slice(0, i) + escape(text[i] ?? "x").replace("%", "%25") + text.slice(i + 1)),
    at.map((i) => text.slice(0, i) + (text[i] ?? "").toUpperCase() + text.slice(i + 1)),
    fc
      .tuple(at, fc.constantFrom(...between, "\t", "\u00e9"))
      .map(([i, odd]) => text.slice(0, i) + odd + text.slice(i)),
  );
}

/** `text`, mostly unchanged. */
const mostly = (text: string, odd: fc.Arbitrary<string> = misspelt(text)): fc.Arbitrary<string> =>
  fc.oneof({ weight: 30, arbitrary: fc.constant(text) }, { weight: 1, arbitrary: odd });

/** A random one of several texts, mostly unchanged. */
export const segment = (...texts: string[]): fc.Arbitrary<string> =>
  fc.constantFrom(...texts).chain((text) => mostly(text));

const path = fc
  .tuple(
    segment(...Array.from({ length: 9 }, () => "partners"), "api", "Partners"),
    segment("2026-02", "2025-07"),
    segment(...Array.from({ length: 9 }, () => "tenant-a"), "tenant-c", "1", ".."),
    segment("posts", "posts", "posts", "events", "venues", "pages", "media", "users", "tenants"),
    fc.option(segment("1", "2", "3", "20", "21", "22", "49", "1abc", "01", "count", "..", "me"), {
      nil: undefined,
      freq: 2,
    }),
    mostly("", fc.constantFrom("/", "/versions", "//", "/.")),
  )
  .map(([prefix, version, tenant, collection, id, end]) => {
    const segments = ["", prefix, version, tenant, collection, ...(id === undefined ? [] : [id])];
    return segments.join("/") + end;
  });

const query = fc
  .array(
    fc.constantFrom(
      ...words(`
        where[tenant][equals]=3 where[or][0][tenant][equals]=3 where={"tenant":{"equals":3}} tenant=3 tenant-id=3
        where[venue.tenant][equals]=3 where[and][]= _method=DELETE method=PATCH depth=9 limit=0 limit=1
        select[tenant]=false populate[users]=1 joins[events][where][tenant][equals]=3 sort=tenant draft=true
        locale=all where[title][exists]=true x-basker-tenant-id=3 where[id][in][]=49 trash=true
      `),
    ),
    { maxLength: 3 },
  )
  .map((parts) => (parts.length === 0 ? "" : `?${parts.join("&")}`));

const RESERVED = words(`
  x-basker-tenant-id x-basker-tenant-slug x-request-id cookie x-middleware-subrequest x-middleware-rewrite
  x-invoke-path x-nextjs-data x-http-method-override x-payload-http-method-override x-forwarded-for
  x-forwarded-host x-forwarded-uri x-original-url x-rewrite-url forwarded x-real-ip accept accept-language
  accept-encoding content-type te trailer keep-alive proxy-authorization upgrade expect origin referer range
  if-none-match x-matched-path next-action rsc x-http-method user-agent
`);
const headerName = fc.oneof(
  fc.constantFrom(...RESERVED),
  // Aliases that some server behind the gateway may fold.
  fc
    .tuple(fc.constantFrom(...RESERVED), fc.constantFrom("_", ".", "-"), fc.boolean())
    .map(([name, mark, up]) => (up ? name.toUpperCase() : name).replace(/-/g, mark)),
  fc.stringMatching(/^[a-z][a-z0-9_.-]{0,9}$/),
);
const headerValue = fc.oneof(
  fc.constantFrom(
    ...words("3 tenant-c 1 tenant-a DELETE GET 100-continue websocket trailers gzip chunked"),
    "payload-tenant=3; payload-token=x",
    "1, 3",
  ),
  fc.stringMatching(/^[ -~]{0,12}$/).map((text) => text.trim()),
);
const header = fc.tuple(headerName, headerValue).map(([name, value]) => `${name}: ${value} ${PLANTED}`);
/** Headers that decide what is done, so they carry no mark. */
const deciding = fc.oneof(
  fc
    .tuple(fc.constantFrom("x-basker-tenant-id", "X-Basker-Tenant-Slug", "x_basker_tenant_id"), headerValue)
    .map(([name, value]) => `${name}: ${value}`),
  fc.constantFrom(...RESERVED, "host", "authorization", "close").map((name) => `Connection: ${name}`),
  fc.constantFrom(
    "Host: other",
    "Authorization: users API-Key other",
    "Content-Length: 3",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Expect: 100-continue",
    "X-HTTP-Method-Override: DELETE",
    "Upgrade: websocket",
    "Content-Type:  application/json",
    "Content-Type: multipart/form-data; boundary=x",
  ),
);
const headers = fc
  .tuple(fc.array(header, { maxLength: 6 }), fc.option(deciding, { nil: undefined, freq: 1 }))
  .chain(([some, one]) => {
    const all = one === undefined ? some : [...some, one];
    return fc.shuffledSubarray(all, { minLength: all.length });
  });

const field = fc.oneof(
  fc.constantFrom("title", "text", "tenant", "tenant.id", "id", "__proto__", "_payload", "slug"),
  fc.string({ maxLength: 4 }),
);
const fieldValue = fc.oneof(
  fc.constantFrom<unknown>(3, "3", null, { id: 3 }, [3]),
  fc.string({ maxLength: 5 }),
);
const body = fc.oneof(fc.constantFrom("", "{}", "[]", "tenant=3", '{"tenant":3', "\0"), {
  weight: 4,
  arbitrary: fc.dictionary(field, fieldValue, { maxKeys: 4 }).map((fields) => JSON.stringify(fields)),
});
// DELETEs are rare; otherwise none of the tenant's records would be left to read.
const method = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom("GET", "GET", "HEAD", "POST", "PATCH", "PUT") },
  { weight: 1, arbitrary: fc.constantFrom("DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "QUERY") },
);

/** A request in the shape of a partner's. */
export const request: fc.Arbitrary<Drawn> = fc.record({
  method,
  path,
  query,
  headers,
  body,
  isChunked: fc.boolean(),
});

/** A request, before it is serialised. */
export interface Drawn {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly isChunked: boolean;
}

/** The bytes of a request; `credentials` are its header lines of that kind. */
export function bytesOf(drawn: Drawn, credentials: readonly string[]): Buffer {
  const text = Buffer.from(drawn.body);
  const isWrite = !["GET", "HEAD"].includes(drawn.method);
  const isAnnounced = drawn.headers.some((line) => /^(?:Content-Length|Transfer-Encoding): /.test(line));
  const framing = drawn.isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${text.length}`;
  const head = [
    `${drawn.method} ${drawn.path}${drawn.query} HTTP/1.1`,
    "Host: gateway",
    ...credentials,
    ...drawn.headers,
    ...(isWrite ? [framing] : []),
    "Connection: close",
    "",
    "",
  ].join("\r\n");
  // A message that announces a body has one; otherwise both sides would wait for it.
  const announced = drawn.headers.includes("Content-Length: 3") ? "abc" : "0\r\n\r\n";
  const content = drawn.isChunked ? Buffer.from(chunked(text.toString("latin1")), "latin1") : text;
  return Buffer.concat([
    Buffer.from(head, "latin1"),
    isWrite ? content : Buffer.from(isAnnounced ? announced : ""),
  ]);
}

/** Throws on a problem, which fails the property, and fast-check then looks for the smallest example. */
export function none(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join("\n"));
}
