import { all, contained, ownOnly, sameAs } from "../laws.ts";
import { joinFields, relationFields } from "../relations.ts";
import { ask, aims, pathOf, type Aim, type Block, type Id } from "../world.ts";

/**
 * Cases about parameters that shape an answer, population above all, and about unknown parameters and
 * headers.
 */

/** Parameters that could add a record of the other tenant to an answer; tried on every collection. */
function carriers({ world, own, other, collection }: Aim): string[] {
  const t = world.names.tenantField;
  const id = other.id ?? other.slug;
  return [
    ...["0", "1", "2", "3", "10"].map((depth) => `depth=${depth}`),
    ...relationFields([own, other], collection, t).map((name) => `select[${name}]=true&depth=2`),
    ...joinFields([own, other], collection).flatMap((name) => [
      `joins[${name}][limit]=100`,
      `joins[${name}][limit]=0&depth=0`,
      `joins[${name}][where][${t}][equals]=${id}`,
      `joins[${name}][where][or][0][${t}][equals]=${id}&depth=0`,
      `joins[${name}][where][${t}][exists]=true`,
      `joins[${name}][sort]=title&joins[${name}][page]=1`,
      `select[${name}]=true&depth=0`,
    ]),
    `depth=2&${world.collections.map((name) => `populate[${name}][title]=true`).join("&")}`,
    `depth=2&${world.collections.map((name) => `populate[${name}][${t}]=false`).join("&")}`,
    "draft=true&depth=2",
  ];
}

/** Parameters whose handling does not depend on the collection; each is tried on one collection. */
function shapes({ world }: Aim): string[] {
  const t = world.names.tenantField;
  return [
    ...["99", "-1", "1.5", "Infinity", "x", "", "[]"].map((depth) => `depth=${depth}`),
    "depth=0&depth=10",
    "depth[0]=10",
    `select[${t}]=false`,
    `select[${t}]=true&select[title]=false`,
    "select[title]=true",
    "select[id]=false",
    "select[password]=true&select[hash]=true&select[apiKey]=true",
    ...[...world.collections, "users", "tenants"].flatMap((name) => [
      `depth=2&populate[${name}][title]=true&populate[${name}][email]=true&populate[${name}][name]=true`,
      `depth=2&populate[${name}][${t}]=false`,
      `depth=2&populate[${name}][${t}]=true&populate[${name}][createdAt]=false`,
    ]),
    "joins=false",
    "joins=true",
    "draft=true",
    "locale=all",
    "locale=*&fallbackLocale=none",
    "locale=de&fallback-locale=en",
    "pagination=false",
    "pagination=false&limit=0",
    "limit=0",
    "limit=-1",
    "limit=1000000000",
    "limit=1&limit=100",
    "limit=x",
    "page=0",
    "page=2&limit=2",
    "page=999999",
    "page=-1",
    `sort=${t}`,
    `sort=-${t}`,
    "sort=-id",
    "sort[0]=title&sort[1]=-id",
    "trash=true&depth=2",
  ];
}

/** The block of population, selection and paging, on lists and single records. */
export const shape: Block = {
  name: "shape",
  tries: "depth, select, populate, joins, locale, draft, paging: no data of the other tenant",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      const { own, other, collection } = aim;
      const inTurn = shapes(aim).filter((_, i) => aim.isTurn(i));
      for (const query of [...carriers(aim), ...inTurn]) {
        const of = { own, other };
        const list = ask(own, `${pathOf(world.names, own.slug, collection)}?limit=25&${query}`);
        yield {
          ...of,
          name: `list ${collection}?${query}, key ${own.side}`,
          attempt: list,
          law: ownOnly(aim),
        };
        const one = ask(own, `${pathOf(world.names, own.slug, collection, aim.mine)}?${query}`);
        yield {
          ...of,
          name: `read ${collection}?${query}, key ${own.side}`,
          attempt: one,
          law: contained(aim),
        };
      }
    }
  },
};

/** Parameters that some CMS interprets and the Partners API ignores. */
function parameters({ world, other }: Aim): string[] {
  const t = world.names.tenantField;
  const id = other.id ?? other.slug;
  return [
    `${t}=${id}`,
    `${t}Id=${id}`,
    `${t}[equals]=${id}`,
    `tenantSlug=${other.slug}`,
    `${world.names.idHeader}=${id}`,
    `${world.names.slugHeader}=${other.slug}`,
    "_method=HEAD",
    "method=OPTIONS",
    "X-HTTP-Method-Override=HEAD",
    "overrideAccess=true",
    "showHiddenFields=true",
    "disableErrors=true",
    "trash=true",
    "user=1",
    "req[user][roles][0]=super-admin",
    "collection=users",
    "version=2025-07",
    "api_key=x",
    "apiKey=x",
    "token=x",
    "data=%7B%7D",
    "_payload=%7B%7D",
    "query=%7BUsers%7Bdocs%7Bid%7D%7D%7D",
    "callback=alert",
    "__proto__[tenant]=1",
    "constructor[prototype][limit]=1",
  ];
}

/** Headers that some server behind the gateway interprets and the Partners API ignores. None is harmful. */
function headersOf({ other }: Aim): (readonly string[])[] {
  return [
    ["x-http-method-override", "OPTIONS"],
    ["x-http-method-override", "GET"],
    ["x-payload-http-method-override", "GET"],
    ["x-method-override", "OPTIONS"],
    ["x-original-url", "/api/users"],
    ["x-rewrite-url", "/api/users"],
    ["x-forwarded-uri", "/api/users"],
    ["x-forwarded-path", "/api/users"],
    ["x-forwarded-prefix", "/api"],
    ["x-forwarded-host", "example.invalid"],
    ["x-forwarded-for", "127.0.0.1"],
    ["x-forwarded-proto", "https"],
    ["forwarded", "for=127.0.0.1;host=example.invalid"],
    ["x-real-ip", "127.0.0.1"],
    ["x-middleware-subrequest", "middleware:middleware:middleware:middleware:middleware"],
    ["x-middleware-rewrite", "/api/users"],
    ["x-nextjs-data", "1"],
    ["x-invoke-path", "/api/users"],
    ["x-user", "1"],
    ["x-user-id", "1"],
    ["x-tenant-id", String(other.id ?? other.slug)],
    ["x-request-id", "00000000-0000-4000-8000-000000000000"],
    ["cookie", `payload-tenant=${other.id ?? other.slug}`],
    ["cookie", "payload-token=eyJhbGciOiJub25lIn0.eyJpZCI6MSwiY29sbGVjdGlvbiI6InVzZXJzIn0."],
    ["accept", "text/html"],
    ["accept-encoding", "gzip, br"],
    ["if-none-match", "*"],
    ["range", "bytes=0-10"],
    ["te", "trailers"],
    ["connection", "keep-alive, host, accept"],
    ["expect", "100-continue"],
    ["content-type", "application/x-www-form-urlencoded"],
  ];
}

/** The block of ignored parameters and headers: none changes the answer. */
export const ignored: Block = {
  name: "ignored",
  tries:
    "parameters and headers that other systems interpret (overrides, forwarding, cookies): no difference",
  writes: false,
  *cases(world) {
    for (const aim of aims(world)) {
      const { own, other, collection, mine } = aim;
      const of = { own, other };
      const at = (more: { query?: string; headers?: readonly string[] }, id?: Id) =>
        ask(
          own,
          `${pathOf(world.names, own.slug, collection, ...(id === undefined ? [] : [id]))}?depth=0&limit=3${more.query ?? ""}`,
          {
            headers: more.headers ?? [],
          },
        );
      for (const [what, id] of [
        ["list", undefined],
        ["read", mine],
      ] as const) {
        const law = all(contained(aim), sameAs(at({}, id)));
        for (const query of parameters(aim).filter((_, i) => aim.isTurn(i)))
          yield {
            ...of,
            name: `${what} ${collection}?${query}, key ${own.side}`,
            attempt: at({ query: `&${query}` }, id),
            law,
          };
        for (const headers of headersOf(aim).filter((_, i) => aim.isTurn(i)))
          yield {
            ...of,
            name: `${what} ${collection} with ${headers.join(": ")}, key ${own.side}`,
            attempt: at({ headers }, id),
            law,
          };
      }
    }
  },
};
