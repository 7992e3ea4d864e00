import tap, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { docsOf, openHouse, type Answer, type Asker, type Json } from "./support-contract.ts";

/**
 * A client of 2025-07 is recorded against a CMS with the old field names, then replayed against a CMS with
 * renamed fields. With configuration alone it must get the same answers, byte for byte.
 */

const OLD = "/partners/2025-07/tenant-a";
const RENAMED = {
  events: { title: "name", startDate: "beginsAt", code: "reference" },
  venues: { title: "label" },
};
const cms = { relations: { events: { venue: "venues" } }, joins: { venues: { events: "events" } } };
const versionSettings = {
  "2025-07": {
    fields: {
      events: { rename: { title: "name", startDate: "beginsAt", code: "reference" } },
      venues: { rename: { title: "label" } },
    },
  },
};

const then = await startCms();
const now = await startCms({ renamed: RENAMED });
tap.teardown(() => Promise.all([then.close(), now.close()]));

/** The client's requests: method and path, and a body. */
const CLIENT: readonly (readonly [string, unknown?])[] = [
  ["GET /events?limit=3&sort=title&depth=0"],
  ["GET /events?limit=3&sort=-startDate,code&depth=1"],
  ["GET /events/1?depth=2"],
  ["GET /events?where[title][equals]=A event 7&depth=0"],
  [
    'GET /events?depth=0&where={"or":[{"title":{"like":"event 8"}},{"and":[{"startDate":{"less_than":"2030-02-05"}}]}]}',
  ],
  ["GET /events?where[name][equals]=A event 7"],
  ["GET /events?limit=2&select[title]=true&select[name]=true&depth=0"],
  ["GET /events?limit=2&select[title]=false&select[venue]=false&sort=id"],
  ["GET /events?limit=2&select[venue]=true&where[title][like]=event&depth=1&populate[venues][title]=true"],
  ["GET /events/5?depth=1&populate[venues][title]=false"],
  ["GET /venues/4?depth=1"],
  ["GET /venues?sort=-title&limit=2&depth=0"],
  ["GET /pages/1?depth=2"],
  [
    "POST /events?depth=0",
    { title: "New", startDate: "2031-01-01T00:00:00.000Z", code: "N-1", name: "not a field" },
  ],
  ["PATCH /events/6?depth=1", { title: "Changed", beginsAt: "2040-01-01T00:00:00.000Z" }],
  ["GET /events/6?depth=0"],
  ["PATCH /events/6?depth=0", { startDate: "no date" }],
  ["PATCH /events/6?depth=0", { title: "" }],
  ["PATCH /events/6?depth=0", { code: "A-001" }],
  ["POST /events?depth=0", { code: "N-2" }],
  ["PATCH /events/6?depth=0", { title: "Stale", ifUpdatedAt: "2001-01-01T00:00:00.000Z" }],
  ["DELETE /events/7?depth=0"],
];

async function play(ask: Asker): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const [what, body] of CLIENT) answers.push(await ask(what.replace("/", `${OLD}/`), { body }));
  return answers;
}

/** An answer without what differs each time: request ids and the times of writes. */
function compared({ status, text }: Answer): unknown {
  const now = /"2026-(?!01-01T0)[\d-]+T[^"]+Z"/g;
  return { status, text: text.replace(/"requestId":"[^"]+"/, "ID").replace(now, '"WRITTEN"') };
}

await tap.test(
  "a 2025-07 client recorded against the old shape keeps working after fields are renamed",
  async (t) => {
    const before = await openHouse(t, then.url, { cms });
    const after = await openHouse(t, now.url, { cms, partners: { versionSettings } });
    const recorded = await play(before.ask);
    const played = await play(after.ask);
    for (const [index, [what]] of CLIENT.entries()) {
      const [was, is] = [recorded[index], played[index]];
      if (was === undefined || is === undefined) throw new Error("an answer is missing");
      t.same(compared(is), compared(was), `${what} -> ${was.status}`);
    }
    t.ok(
      recorded.some(({ text }) => text.includes('"A venue 1"')),
      "relations were populated",
    );
  },
);

await tap.test("a version without settings uses the CMS's field names", async (t) => {
  const { ask } = await openHouse(t, now.url, { cms, partners: { versionSettings } });
  const answer = await ask(
    "GET /partners/2026-02/tenant-a/events?limit=1&where[name][equals]=A event 9&depth=0",
  );
  t.match(docsOf(answer), [{ name: "A event 9", reference: "A-009" }]);
  t.notOk("title" in first(t, answer));
});

await tap.test("without the configuration, the old client breaks", async (t) => {
  const { ask } = await openHouse(t, now.url, { cms });
  t.notOk("title" in first(t, await ask(`GET ${OLD}/events?limit=1`)));
});

function first(t: Test, answer: Answer): Json {
  const [doc = {}] = docsOf(answer);
  t.ok("id" in doc, "there is a document");
  return doc;
}
