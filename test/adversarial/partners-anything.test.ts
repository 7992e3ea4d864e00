// Attack: random requests: any path, method, headers, query, body and framing, all combined.
// Amplifier: each rule has a test of its own; an attack succeeds where two of them interact.
// Defence: for any request to a running gateway, the CMS receives only requests in the tenant's scope,
// without any of the client's headers.
import * as fc from "fast-check";
import tap from "tap";

import { bytesOf, type Drawn, none, PLANTED, request } from "../support/anything.ts";
import type { RecordedRequest } from "../support/cms/recorder.ts";
import { breaches, startSite, words, type Law } from "../support/isolation.ts";
import { rawExchange } from "../support/raw.ts";

const site = await startSite();
tap.teardown(() => site.close());

const KEY = `users API-Key ${site.cms.keys.partnerA}`;
/** The gateway's own lookups of the key and the tenant. */
const LOOKUP = /^\/api\/(?:users\/me|tenants)\?/;
const RUNS = { numRuns: 600 };
/** A valid request of each kind, so that the run always has some. */
const SOUND = (
  [
    ["GET", ""],
    ["POST", '{"title":"sound"}'],
    ["PATCH", '{"title":"sound"}'],
  ] as const
).map(([method, body]): Drawn => {
  const path = `/partners/2026-02/tenant-a/posts${method === "PATCH" ? "/1" : ""}`;
  return { method, path, query: "", headers: ["Content-Type: application/json"], body, isChunked: false };
});

/** Credentials that are not a valid key, though some server would accept them as one. */
const credentials = fc.constantFrom<readonly string[]>(
  ...["users api-key", "Users API-Key", "users  API-Key", "users API-Key\t", "Bearer"].map((scheme) => [
    `Authorization: ${scheme} ${site.cms.keys.partnerA}`,
  ]),
  [],
  [`Authorization: users API-Key ${site.cms.keys.disabled}`],
  [`Authorization: ${KEY}`, `Authorization: ${KEY}`],
  [`Authorization: ${KEY}, ${KEY}`],
  [`Cookie: payload-token=${site.cms.keys.partnerA}`],
);

const ANSWERED: ReadonlySet<string> = new Set(
  words(
    "content-type cache-control x-request-id content-length connection date www-authenticate retry-after keep-alive",
  ),
);

/**
 * Lists the problems of a response: a header that the gateway never sends, a copied mark, a record outside
 * `scope`.
 */
function problemsIn(text: string, scope: readonly number[]): string[] {
  // After a 100 or before a reset there may be several heads or none.
  const heads = text.split(/(?=HTTP\/1\.1 \d{3} )/).map((answer) => answer.split("\r\n\r\n")[0] ?? "");
  const lines = heads.flatMap((head) => head.split("\r\n").slice(1));
  const names = lines.map((line) => line.split(":")[0]?.toLowerCase() ?? "");
  const problems = names.filter((name) => !ANSWERED.has(name)).map((name) => `answers with ${name}`);
  if (text.includes(PLANTED)) problems.push("echoes a header");
  const foreign = [1, 2, 3, 4].filter((id) => !scope.includes(id) && text.includes(`"tenant":${id}`));
  return [...problems, ...foreign.map((id) => `shows a record of tenant ${id}`)];
}

/**
 * The client may name a tenant in a header, so the gateway's lookup may contain the mark, but no other
 * request.
 */
function markIn(requests: readonly RecordedRequest[]): string[] {
  const said = requests.map(({ path, rawHeaders, body }) => [
    LOOKUP.test(path) ? "" : path,
    rawHeaders,
    body,
  ]);
  return JSON.stringify(said).includes(PLANTED) ? ["a client's header reached the CMS"] : [];
}

await tap.test(
  "for any partner's request, the CMS receives only requests in scope, with the gateway's headers alone",
  async (t) => {
    const seen: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(request, async (drawn) => {
        const text = await rawExchange(site.gateway.port, bytesOf(drawn, [`Authorization: ${KEY}`]));
        const requests = site.cms.takeRequests();
        const records = requests.filter((one) => !LOOKUP.test(one.path));
        for (const one of records) seen[one.method] = (seen[one.method] ?? 0) + 1;
        const isShared = records.some(({ path: to }) => /^\/api\/(?:events|venues)\?/.test(to));
        // All members of a group may read its shared records.
        const scope = isShared ? [1, 2] : [1];
        const law: Law = { tenant: 1, scope, key: "partnerA" };
        none([...breaches(requests, law), ...markIn(requests), ...problemsIn(text, scope)]);
      }),
      { ...RUNS, examples: SOUND.map((one): [Drawn] => [one]) },
    );
    // If the gateway rejected every request early, the test would prove nothing.
    for (const kind of ["GET", "POST", "PATCH"]) t.ok((seen[kind] ?? 0) > 0, JSON.stringify(seen));
  },
);

await tap.test("without a valid key, no request for records reaches the CMS", async (t) => {
  let keyed = 0;
  await fc.assert(
    fc.asyncProperty(request, credentials, async (drawn, lines) => {
      await rawExchange(site.gateway.port, bytesOf(drawn, lines));
      const asked = site.cms.takeRequests().filter(({ path: to }) => to !== "/api/users/me?depth=0");
      // A native request without a key may be an editor's.
      if (!drawn.path.startsWith("/partners") && !/api-key/i.test(lines.join())) return;
      keyed += 1;
      none(asked.map(({ method: sent, path: to }) => `${sent} ${to} reached the CMS`));
    }),
    RUNS,
  );
  t.ok(keyed > RUNS.numRuns / 2, `${keyed} of them`);
});
