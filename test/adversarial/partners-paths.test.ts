// Attack: a request target that the gateway reads as one path and the CMS, or a server between them, as
// another.
// Amplifier: Next.js resolves dots and escapes, converts backslashes, and redirects doubled slashes.
// Defence: the gateway parses the path once, rejects an ambiguous one, and builds the CMS's path anew.
import tap from "tap";

import { breaches, objectOf, startSite, words } from "../support/isolation.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => void site.cms.takeRequests());

const authorization = `Authorization: users API-Key ${site.cms.keys.partnerA}`;

/**
 * Sends a target exactly as given. Returns the response and the CMS's requests without the gateway's own
 * lookups.
 */
async function sends(target: string, method = "GET", header = authorization) {
  const text = await rawExchange(
    site.gateway.port,
    rawRequest([`${method} ${target} HTTP/1.1`, "Host: gateway", header, "Connection: close"]),
  );
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
  const requests = site.cms.takeRequests();
  const problems = breaches(requests, { tenant: 1, scope: [1], key: "partnerA" });
  const others = requests.filter(({ path }) => !/^\/api\/(?:users\/me\?depth=0$|tenants\?where=)/.test(path));
  const body = objectOf(text.slice(text.indexOf("\r\n\r\n") + 4));
  return { status: Number(status ?? 0), body, problems, others };
}

const T = "/partners/2026-02/tenant-a";

/**
 * Paths out of, into and around the Partners API. The gateway rejects each, with a key, before the CMS
 * receives it.
 */
const VECTORS = [
  // Dots, in every escape.
  ...words(`
    ${T}/../tenant-c/posts ${T}/./posts ${T}/posts/../users ${T}/posts/.. ${T}/posts/. ${T}/..
    ${T}/%2e%2e/tenant-c/posts ${T}/%2E./tenant-c/posts ${T}/.%2e/posts ${T}/posts/%2e
    ${T}/posts/%2e%2e /partners/../api/users /partners/2026-02/../../api/users
    /partners/%2e%2e/api/users /x/../partners/api/users /api/../partners/2026-02/tenant-c/posts
    /./partners/2026-02/tenant-a/posts /admin/..%2fpartners/2026-02/tenant-a ${T}/..;/tenant-c/posts
    ${T}/..;x=1/users ${T}/.;/posts ${T};x=1/posts ${T}/posts;x=1 ${T}/posts;/49
  `),
  // False and hidden separators.
  ...words(`
    ${T}%2fposts ${T}%2f..%2fusers ${T}%2f..%2ftenant-c/posts ${T}/posts%2f49 ${T}/posts%2F..%2Fusers
    ${T}/posts/1%2f..%2f49 ${T}/posts/1%5c..%5c49 ${T}\\posts ${T}/..\\..\\api\\users
    ${T}/posts\\..\\users ${T}//posts ${T}/posts//1 ${T}/posts/1// //partners/2026-02/tenant-a/posts
    /partners//2026-02/tenant-a/posts /partners/2026-02//tenant-a/posts
    ///partners/2026-02/tenant-a/posts ${T}// //10.10.10.10/ //api/users
  `),
  // False ends and invalid bytes.
  ...words(`
    ${T}/posts%00 ${T}/posts/1%00 ${T}%00/posts ${T}/posts%23 ${T}/posts%3fwhere=1 ${T}/posts#/../users
    ${T}/posts/1# ${T}/posts/1#/../49 ${T}/posts?limit=1#/../users ${T}/posts%0d%0aX:y ${T}/posts%09
    ${T}/%7f ${T}/posts\u00e9 ${T}/\u00ff ${T}/posts/1" ${T}/posts/<1> ${T}/posts/1|2 ${T}/posts/1^2
  `),
  `${T}/posts\t`,
  // Double escapes, invalid escapes, overlong and wide characters.
  ...words(`
    ${T}/%252e%252e/users ${T}/posts/%2531 ${T}/posts/%25%32%66 ${T}/posts/% ${T}/posts/%zz
    ${T}/posts/%2 ${T}/%c0%ae%c0%ae/users ${T}/%c0%af ${T}/posts/%e0%80%af ${T}/posts/%ff
    ${T}/posts/%ed%a0%80 ${T}/%u002e ${T}/%ef%bc%8e%ef%bc%8e/users ${T}/posts/%ef%bc%91
    ${T}/%E2%80%A5/users ${T}/posts/%E2%81%84
  `),
  // Other spellings of the prefix.
  ...words(`
    /PARTNERS/2026-02/tenant-a/posts /Partners/2026-02/tenant-a/posts
    /%70artners/2026-02/tenant-a/posts /partners%2f2026-02/tenant-a/posts
    /partners;x/2026-02/tenant-a/posts /partners.json/2026-02/tenant-a/posts /partners/ /partners
    /partners?x /partnersx/2026-02/tenant-a/posts /api/partners/2026-02/tenant-a/posts
    /\\partners/2026-02/tenant-a/posts partners/2026-02/tenant-a/posts
  `),
  "\\partners\\2026-02\\tenant-a\\posts",
  // The CMS's own paths, in its spellings and ours.
  ...words(`
    /api /api/ /api/users /api/posts/49 /Api/users /API/users /%61pi/users /api%2fusers /api%2Fposts/49
    /./api/users /api/./users /api/../api/users /api;x/users /api\\users /\\api/users /api%00
    /api%20/users /api//users /api/us%65rs /api/%2e/users /api/posts/..%2fusers /x/..;/api/users
    /_next/../api/users /admin /_next/data / /favicon.ico /.well-known/x /robots.txt /livez /readyz
    /metrics
  `),
  // Targets that are not paths.
  ...words(`
    http://evil/api/users http://gateway/api/users http://evil/partners/2026-02/tenant-a/posts
    http://gateway:1/partners/2026-02/tenant-a/posts http://gateway/partners/2026-02/tenant-a/../posts
    HTTP://x/api https://cms/partners/2026-02/tenant-a/posts/49 //evil/partners/2026-02/tenant-a/posts
    * evil:80 ?x ;x http:/api/users file:///etc/passwd http://evil@gateway/api/users javascript:1
  `),
  // Near misses of tenants and collections.
  ...words(`
    /partners/2026-02/tenant-a./posts /partners/2026-02/tenant-a%20/posts
    /partners/2026-02/%20tenant-a/posts /partners/2026-02/TENANT-A/posts
    /partners/2026-02/tenant-a,tenant-c/posts /partners/2026-02/1/posts
    /partners/2026-02/tenant_a/posts /partners/2026-02/*/posts /partners/2026-02/tenant-%61%CC%81/posts
    /partners/2026-02/tenant-c/posts /partners/2026-02/tenant-c/posts/49
    /partners/2026-2/tenant-a/posts ${T}/posts/1/posts/49 ${T}/Posts ${T}/users ${T}/posts/count
    ${T}/posts/49 /partners/2025-10/tenant-a/posts
  `),
];

await tap.test("every spelling of a path is rejected", async (t) => {
  for (const target of VECTORS) {
    for (const method of ["GET", "DELETE"]) {
      const { status, body, problems, others } = await sends(target, method);
      const name = JSON.stringify(`${method} ${target}`);
      t.ok([400, 403, 404].includes(status), `${name}: ${status}`);
      t.notOk("docs" in body || "title" in body, name);
      t.strictSame([problems, others.filter((each) => !isCheck(each.path, target))], [[], []], name);
    }
  }
});

/** True for the lookup of a record that is not the caller's: the only vector that is a valid request. */
function isCheck(path: string, target: string): boolean {
  return target === `${T}/posts/49` && path.startsWith("/api/posts?where=");
}

await tap.test("every spelling under the Partners API is rejected without a key, too", async (t) => {
  for (const target of VECTORS.filter(
    (each) => /partners/i.test(each) && !/^\/(?:api|admin|_next)\//.test(each),
  )) {
    const { status, others } = await sends(target, "GET", "X-Nothing: x");
    t.ok([400, 401, 404].includes(status), `${JSON.stringify(target)}: ${status}`);
    t.strictSame(others, []);
  }
});

await tap.test("a rejected target gets the error envelope", async (t) => {
  for (const target of [
    `${T}/../x`,
    `${T}//posts`,
    "/%70artners/x",
    `${T}/posts/%00`,
    "http://gateway/api/users",
    "*",
  ]) {
    const { body } = await sends(target);
    t.match(body, { error: String, message: String, requestId: /^[0-9a-f-]{36}$/ }, target);
  }
});

await tap.test("a query selects no tenant, method or record", async (t) => {
  for (const query of words(`
      tenant=tenant-c tenant=3 tenantId=3&tenantSlug=tenant-c x-basker-tenant-id=3 id=49 _method=DELETE
      where=/../../users path=/api/users ..%2f..%2fapi%2fusers /../users //evil/ ?x?y url=http://evil
    `)) {
    const { status, body, problems, others } = await sends(`${T}/posts/2?${query}`);
    t.equal(status, 200, query);
    t.match(body, { id: 2, tenant: 1 }, query);
    t.strictSame(problems, [], query);
    for (const { path } of others) t.match(path, /^\/api\/posts\?where=/);
  }
});

await tap.test("ignores one trailing slash, and a percent-encoded letter equals the letter", async (t) => {
  for (const target of [
    `${T}/posts/2/`,
    `${T}/%70osts/2`,
    `${T}/posts/%32`,
    "/partners/2026%2D02/tenant%2da/posts/2",
  ]) {
    const { status, body, problems } = await sends(target);
    t.equal(status, 200, target);
    t.match(body, { id: 2, tenant: 1 }, target);
    t.strictSame(problems, [], target);
  }
});
