// Attack: whatever nobody has thought of: any path, method, headers, query, body and framing, all at the same time.
// Amplifier: each law is proven on its own; what gets through does so where two of them meet.
// Defence: whatever is sent to a running gateway, what its CMS sees is in the tenant's scope and holds nothing of the client's.
import * as fc from "fast-check";
import tap from "tap";

import { bytesOf, type Drawn, none, PLANTED, request } from "../support/anything.ts";
import type { RecordedRequest } from "../support/cms/recorder.ts";
import { breaches, startSite, words, type Law } from "../support/isolation.ts";
import { rawExchange } from "../support/raw.ts";

const site = await startSite();
tap.teardown(() => site.close());

const KEY = `users API-Key ${site.cms.keys.partnerA}`;
/** The gateway's own questions, about the key and the tenant. */
const LOOKUP = /^\/api\/(?:users\/me|tenants)\?/;
const RUNS = { numRuns: 600 };
/** One of each kind with nothing wrong, so that it is not left to chance whether any is. */
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

/** What is no key of anybody's, though it looks like one to some server. */
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

/** What is wrong with what a client got back: a header or a mark of somebody else's, a record outside `scope`. */
function unspeakable(text: string, scope: readonly number[]): string[] {
  // After a 100, or before a reset, there may be more heads than one, or none.
  const heads = text.split(/(?=HTTP\/1\.1 \d{3} )/).map((answer) => answer.split("\r\n\r\n")[0] ?? "");
  const lines = heads.flatMap((head) => head.split("\r\n").slice(1));
  const names = lines.map((line) => line.split(":")[0]?.toLowerCase() ?? "");
  const problems = names.filter((name) => !ANSWERED.has(name)).map((name) => `answers with ${name}`);
  if (text.includes(PLANTED)) problems.push("echoes a header");
  const foreign = [1, 2, 3, 4].filter((id) => !scope.includes(id) && text.includes(`"tenant":${id}`));
  return [...problems, ...foreign.map((id) => `tells a record of tenant ${id}`)];
}

/** A tenant's name in a header is asked for, and so is in the gateway's question for it, though in nothing else. */
function markIn(requests: readonly RecordedRequest[]): string[] {
  const said = requests.map(({ path, rawHeaders, body }) => [
    LOOKUP.test(path) ? "" : path,
    rawHeaders,
    body,
  ]);
  return JSON.stringify(said).includes(PLANTED) ? ["a header of the client's reached the CMS"] : [];
}

await tap.test(
  "whatever a partner sends, the CMS is asked in scope, with no header but the gateway's",
  async (t) => {
    const seen: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(request, async (drawn) => {
        const text = await rawExchange(site.gateway.port, bytesOf(drawn, [`Authorization: ${KEY}`]));
        const requests = site.cms.takeRequests();
        const records = requests.filter((one) => !LOOKUP.test(one.path));
        for (const one of records) seen[one.method] = (seen[one.method] ?? 0) + 1;
        const isShared = records.some(({ path: to }) => /^\/api\/(?:events|venues)\?/.test(to));
        // What a group shares, all its members may read.
        const scope = isShared ? [1, 2] : [1];
        const law: Law = { tenant: 1, scope, key: "partnerA" };
        none([...breaches(requests, law), ...markIn(requests), ...unspeakable(text, scope)]);
      }),
      { ...RUNS, examples: SOUND.map((one): [Drawn] => [one]) },
    );
    // Were all of it refused at the door, the law would hold of nothing.
    for (const kind of ["GET", "POST", "PATCH"]) t.ok((seen[kind] ?? 0) > 0, JSON.stringify(seen));
  },
);

await tap.test("whatever comes without a good key, the CMS hears of no record", async (t) => {
  let keyed = 0;
  await fc.assert(
    fc.asyncProperty(request, credentials, async (drawn, lines) => {
      await rawExchange(site.gateway.port, bytesOf(drawn, lines));
      const asked = site.cms.takeRequests().filter(({ path: to }) => to !== "/api/users/me?depth=0");
      // A native request without any key may be an editor's.
      if (!drawn.path.startsWith("/partners") && !/api-key/i.test(lines.join())) return;
      keyed += 1;
      none(asked.map(({ method: sent, path: to }) => `${sent} ${to} reached the CMS`));
    }),
    RUNS,
  );
  t.ok(keyed > RUNS.numRuns / 2, `${keyed} of them`);
});
