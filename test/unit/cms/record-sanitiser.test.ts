import t from "tap";
import type { Breach, WithheldValues } from "../../../src/core/foreign.ts";
import { translated, translatedUnder } from "../../support/translated.ts";

const DATA = {
  page: { docs: [{ id: 7, name: "x" }, "y"], hasNextPage: true, totalDocs: 2 },
  pointer: { relationTo: "venues", value: { id: 3, a: 1 } },
  one: { id: 5, tenant: 3, b: [{ id: 6, createdAt: "2026-01-01" }] },
};

/** Returns a record with DATA in a field, as a partner receives it. */
function shown(settings: Record<string, unknown>, data: unknown = DATA): unknown {
  const doc = { id: 1, tenant: 1, data, other: DATA };
  return JSON.parse(translatedUnder({ cms: settings })("read", { docs: [doc] }));
}

t.test("declared plain data is returned as the partner wrote it, whatever its shape", async (t) => {
  t.match(shown({}), { data: { page: undefined, pointer: { value: 3 }, one: 5 } });
  const doc = shown({ plainFields: { events: ["data"] } });
  t.strictSame(doc, {
    id: 1,
    tenant: 1,
    data: DATA,
    other: { pointer: { relationTo: "venues", value: 3 }, one: 5 },
  });
  t.match(shown({ plainFields: { events: ["data.one"] } }), {
    data: { one: DATA.one, pointer: { value: 3 } },
  });
  t.match(
    shown({ plainFields: { pages: ["data"] } }),
    { data: { one: 5 } },
    "declared for another collection",
  );
});

t.test("secret fields are removed from declared plain data as well", async (t) => {
  const secret = {
    docs: [{ id: 7, hash: "h" }],
    hasNextPage: true,
    salt: "s",
    one: { apiKey: "k", kept: 1 },
  };
  t.match(
    JSON.stringify(shown({ plainFields: { events: ["data"] } }, secret)),
    /"data":\{"docs":\[\{"id":7\}\],"hasNextPage":true,"one":\{"kept":1\}\}/,
  );
});

t.test("a virtual field is shown only if the record behind it proves to be in scope", async (t) => {
  const cms = { virtualFields: { events: { venueTitle: "venue.title", owner: "venue.owner.name" } } };
  const shows = (venue: unknown) => {
    const record = { id: 1, tenant: 1, venue, venueTitle: "a title", owner: "a name" };
    const answer: unknown = JSON.parse(translatedUnder({ cms })("read", { docs: [record] }));
    return Object.keys(Object(answer)).filter((name) => name === "venueTitle" || name === "owner");
  };
  const own = { id: 5, tenant: 1, title: "a title" };
  const foreign = { id: 51, tenant: 3, title: "a title" };
  t.strictSame(shows(own), ["venueTitle"], "the relation `owner` is not shown");
  t.strictSame(shows({ ...own, owner: { id: 6, tenant: 1, name: "a name" } }), ["venueTitle", "owner"]);
  t.strictSame(shows({ ...own, owner: { id: 6, tenant: 3, name: "a name" } }), ["venueTitle"]);
  t.strictSame(shows({ ...own, owner: { en: { id: 6, tenant: 3, name: "a name" } } }), ["venueTitle"]);
  for (const venue of [
    foreign,
    5,
    51,
    { en: foreign },
    { en: own, de: foreign },
    [own, foreign],
    { title: "x" },
    {},
  ])
    t.strictSame(shows(venue), [], JSON.stringify(venue));
});

t.test("a name in a partner's own JSON never becomes a metric label", async (t) => {
  const found: WithheldValues[] = [];
  const made = Array.from({ length: 50 }, (_, i) => ({
    relationTo: `made-up-${i}`,
    value: { id: 1, tenant: 3 },
  }));
  const foreign = { id: 1, tenant: 3 };
  const odd = { "a b": foreign, "<b>": foreign, é: foreign, [`n${"x".repeat(100)}`]: foreign };
  const inner = { relationTo: "made-up", value: { id: 2, tenant: 1, venue: foreign } };
  const doc = { id: 1, tenant: 1, json: [...made, inner], odd };
  translated(
    "read",
    { docs: [doc] },
    {
      isolation: () => t.fail("no breach"),
      withheld: (values) => void found.push(values),
      unreadable: () => undefined,
    },
  );
  const kind = { requestId: "id", kind: "relation", action: "withheld" } as const;
  t.strictSame(found, [
    { ...kind, collection: "events", path: "json", count: 50 },
    { ...kind, collection: "other", path: "venue", count: 1 },
    { ...kind, collection: "events", path: "other", count: 4 },
  ]);
});

t.test("a join requested in scope loses a breach, and is removed if a record shows no owner", async (t) => {
  const events: unknown[] = [];
  const tell = {
    isolation: ({ place, collection, count }: Breach) => void events.push({ place, collection, count }),
    withheld: ({ kind, path, count }: WithheldValues) => void events.push({ kind, path, count }),
    unreadable: () => undefined,
  };
  const shows = (...docs: readonly unknown[]): unknown => {
    const doc = { id: 1, tenant: 1, shows: { docs, hasNextPage: true } };
    const cms = { joins: { events: { shows: "posts" } } };
    return JSON.parse(translatedUnder({ cms }, tell)("read", { docs: [doc] }));
  };
  const own = { id: 5, tenant: 1 };
  t.match(shows(own), { shows: { docs: [own], hasNextPage: true } });
  t.strictSame(events, []);
  t.strictSame(shows(own, { id: 6, tenant: 3 }), {
    id: 1,
    tenant: 1,
    shows: { docs: [own], hasNextPage: false },
  });
  t.strictSame(events.splice(0), [{ place: "join", collection: "posts", count: 1 }]);
  t.strictSame(
    shows(own, { id: 7, title: "whose?" }),
    { id: 1, tenant: 1 },
    "a shorter page would hide the record",
  );
  t.strictSame(events, [{ kind: "join", path: "shows", count: 1 }]);
});
