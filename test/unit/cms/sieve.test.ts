import t from "tap";
import { translatedUnder } from "../../support/translated.ts";

const DATA = {
  page: { docs: [{ id: 7, name: "x" }, "y"], hasNextPage: true, totalDocs: 2 },
  pointer: { relationTo: "venues", value: { id: 3, a: 1 } },
  one: { id: 5, tenant: 3, b: [{ id: 6, createdAt: "2026-01-01" }] },
};

/** The field in which DATA stands, as a partner gets it. */
function shown(settings: Record<string, unknown>, data: unknown = DATA): unknown {
  const doc = { id: 1, tenant: 1, data, other: DATA };
  return JSON.parse(translatedUnder({ cms: settings })("read", { docs: [doc] }));
}

t.test("what is declared plain data leaves as the partner wrote it, whatever it looks like", async (t) => {
  t.match(shown({}), { data: { page: undefined, pointer: { value: 3 }, one: 5 } });
  const told = shown({ plainFields: { events: ["data"] } });
  t.strictSame(told, {
    id: 1,
    tenant: 1,
    data: DATA,
    other: { pointer: { relationTo: "venues", value: 3 }, one: 5 },
  });
  t.match(shown({ plainFields: { events: ["data.one"] } }), {
    data: { one: DATA.one, pointer: { value: 3 } },
  });
  t.match(shown({ plainFields: { pages: ["data"] } }), { data: { one: 5 } }, "of another collection");
});

t.test("but for what is secret", async (t) => {
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

t.test("a virtual field shows only what a record that proves its scope gave it", async (t) => {
  const cms = { virtualFields: { events: { venueTitle: "venue.title", owner: "venue.owner.name" } } };
  const shows = (venue: unknown) => {
    const record = { id: 1, tenant: 1, venue, venueTitle: "a title", owner: "a name" };
    const told: unknown = JSON.parse(translatedUnder({ cms })("read", { docs: [record] }));
    return Object.keys(Object(told)).filter((name) => name === "venueTitle" || name === "owner");
  };
  const own = { id: 5, tenant: 1, title: "a title" };
  const foreign = { id: 51, tenant: 3, title: "a title" };
  t.strictSame(shows(own), ["venueTitle"], "its owner is not shown");
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
