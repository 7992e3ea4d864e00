import t from "tap";
import { BLOCKS } from "../../../src/prove/matrix.ts";
import type { Doc, Party, World } from "../../../src/prove/world.ts";

const COLLECTIONS = ["pages", "posts", "events", "venues", "media"];

function party(side: "A" | "B", first: number): Party {
  const docs: Doc[] = [0, 1, 2, 3, 4].map((n) => ({
    id: first + n,
    title: `${side} document ${n}`,
    tenant: side === "A" ? 1 : 2,
    venue: first + n,
    events: { docs: [first], hasNextPage: false },
  }));
  const shelf = { docs, ids: new Set(docs.map((doc) => String(doc["id"]))) };
  return {
    side,
    slug: side === "A" ? "acme" : "globex",
    authorization: `users API-Key key-${side}`,
    id: side === "A" ? 1 : 2,
    shelves: new Map(COLLECTIONS.map((name) => [name, shelf])),
    markers: [`${side} document`],
  };
}

function world(change: Partial<World> = {}): World {
  return {
    names: {
      version: "2026-02",
      idHeader: "x-basker-tenant-id",
      slugHeader: "x-basker-tenant-slug",
      tenantField: "tenant",
      users: "users",
    },
    a: party("A", 1),
    b: party("B", 11),
    collections: COLLECTIONS,
    shared: new Set(),
    lent: new Set(),
    isThorough: false,
    samples: new Map(COLLECTIONS.slice(0, 4).map((name) => [name, { title: "{marker}" }])),
    ...change,
  };
}

const namesIn = (of: World): string[] =>
  BLOCKS.flatMap((block) => [...block.cases(of)].map(({ name }) => `${block.name}: ${name}`));

t.test("every case has a unique name", async (t) => {
  for (const isThorough of [false, true]) {
    const names = namesIn(world({ isThorough }));
    const twice = names.filter((name, i) => names.indexOf(name) !== i);
    t.strictSame(twice, []);
    t.ok(names.length > (isThorough ? 12_000 : 3_000), `${names.length} cases`);
  }
});

t.test("without samples every case is a GET or a HEAD, so nothing is written", async (t) => {
  for (const block of BLOCKS.filter(({ writes }) => !writes)) {
    for (const { attempt, name } of block.cases(world({ samples: new Map() }))) {
      t.type(attempt, "object", name);
      t.ok(typeof attempt === "object" && ["GET", "HEAD"].includes(attempt.method), name);
      t.ok(typeof attempt === "object" && attempt.body === undefined, name);
    }
  }
});

t.test("no read has a writing method in its headers or query", async (t) => {
  for (const block of BLOCKS.filter(({ writes }) => !writes)) {
    for (const { attempt, name } of block.cases(world()))
      if (typeof attempt === "object")
        t.notMatch(`${attempt.target} ${attempt.headers.join(" ")}`, /\b(?:DELETE|PATCH|PUT|POST)\b/, name);
  }
});
