import t from "tap";
import { ownField, readWhere, type WhereLimits } from "../../../src/core/where.ts";

const limits: WhereLimits = {
  fieldOf: (path) => path,
  operators: new Map([
    ["equals", "value"],
    ["in", "plain"],
    ["contains", "plain"],
    ["within", "geometry"],
  ]),
  secretFields: new Set(["apiKey"]),
  ownPaths: new Set(["location.city"]),
  foreignFields: new Set(["events"]),
  maxDepth: 3,
  maxConditions: 5,
};
const read = (raw: unknown): unknown => {
  const read = readWhere(raw, limits);
  return read.kind === "narrow" ? read.where : read.kind;
};

t.test("an absent or empty where is no condition", async (t) => {
  for (const raw of [undefined, "", null, {}, "null", "{}"]) t.equal(read(raw), "none", JSON.stringify(raw));
});

t.test("an invalid where matches nothing, not everything", async (t) => {
  for (const raw of [
    "x",
    "{",
    "[]",
    [],
    '"x"',
    5,
    "5",
    true,
    { title: "x" },
    { title: null },
    { title: [] },
    { and: {} },
    { and: "x" },
    { or: [1] },
  ]) {
    t.equal(read(raw), "nothing", JSON.stringify(raw));
  }
});

t.test("a JSON string and its parsed form give the same where", async (t) => {
  t.strictSame(read('{"title":{"equals":"x"}}'), { title: { equals: "x" } });
  t.strictSame(read({ title: { equals: "x" } }), { title: { equals: "x" } });
});

t.test("all keys of an object apply, although the CMS reads only the last of `and` and `or`", async (t) => {
  t.strictSame(read({ and: [{ a: { equals: 1 } }], or: [{ b: { equals: 2 } }], c: { equals: 3 } }), {
    and: [{ and: [{ a: { equals: 1 } }] }, { or: [{ b: { equals: 2 } }] }, { c: { equals: 3 } }],
  });
  t.strictSame(read({ AND: [{ a: { equals: 1 } }] }), { and: [{ a: { equals: 1 } }] });
});

t.test(
  "no path leads into another record, by dots, by Payload's double underscore, or by a join",
  async (t) => {
    for (const field of [
      "venue.tenant",
      "tenant.id",
      "venue__tenant",
      "__proto__",
      "events",
      "apiKey",
      "a.apiKey",
      "",
      ".",
      "a.",
      "a b",
      "a[b]",
      "x".repeat(101),
    ]) {
      t.equal(read({ [field]: { equals: 1 } }), "nothing", field);
      t.equal(ownField(field, limits), undefined, field);
    }
    t.strictSame(read({ "location.city": { equals: "Oslo" } }), { "location.city": { equals: "Oslo" } });
  },
);

t.test("operators beyond the configured ones match nothing", async (t) => {
  t.equal(read({ title: { $ne: 1 } }), "nothing");
  t.equal(read({ title: { equals: 1, constructor: 1 } }), "nothing");
  t.equal(read(JSON.parse('{"title":{"__proto__":1}}')), "nothing");
});

t.test("operands are scalars and lists of limited size", async (t) => {
  t.strictSame(read({ a: { in: [1, "2", true] } }), { a: { in: [1, "2", true] } });
  t.strictSame(read({ a: { equals: null } }), { a: { equals: null } });
  t.equal(read({ a: { in: [1, null] } }), "nothing", "the CMS answers 500 to a null in a list");
  t.equal(read({ a: { equals: [[1]] } }), "nothing");
  t.equal(read({ a: { in: Array.from({ length: 1001 }, () => 1) } }), "nothing");
  t.equal(read('{"a":{"equals":1e999}}'), "nothing", "it would be sent as null");
  t.equal(read('{"a":{"in":[1e999]}}'), "nothing");
});

t.test(
  "an object as operand is a reference or a geometry, never one that the CMS could read as a query",
  async (t) => {
    const reference = { relationTo: "events", value: 1 };
    t.strictSame(read({ a: { equals: reference } }), { a: { equals: reference } });
    for (const operand of [
      { relationTo: "events", value: { equals: 1 } },
      { relationTo: { equals: "events" }, value: 1 },
      { ...reference, email: { like: "a" } },
      { relationTo: "events" },
      { email: { like: "a" } },
      { "venue.tenant": { equals: 3 } },
      { and: [] },
      {},
      [reference],
      [{ email: { like: "a" } }],
      JSON.parse('{"__proto__":{"relationTo":"events"},"value":1}'),
    ])
      for (const operator of ["equals", "in", "contains"])
        t.equal(read({ a: { [operator]: operand } }), "nothing", `${operator} ${JSON.stringify(operand)}`);
    for (const operator of ["in", "contains", "within"])
      t.equal(read({ a: { [operator]: reference } }), "nothing", operator);

    const ring = [
      [0, 0],
      [0, 1],
      [1, 1],
      [0, 0],
    ];
    const within = (coordinates: unknown, more: object = {}) => ({
      a: { within: { type: "MultiPolygon", coordinates, ...more } },
    });
    t.strictSame(read(within([[ring]])), within([[ring]]));
    t.equal(read(within([[[ring]]])), "nothing", "deeper than any geometry");
    t.equal(read(within([{ 0: 1 }])), "nothing");
    t.equal(read(within(["1"])), "nothing");
    t.equal(read(within([1], { crs: {} })), "nothing");
    for (const operand of [1, "x", [1, 2], null, { $geometry: {} }])
      t.equal(read({ a: { within: operand } }), "nothing");
  },
);

t.test("nesting and number of conditions are limited", async (t) => {
  const nested = (depth: number): unknown =>
    depth === 0 ? { a: { equals: 1 } } : { and: [nested(depth - 1)] };
  t.not(read(nested(3)), "nothing");
  t.equal(read(nested(4)), "nothing");
  t.equal(read({ or: Array.from({ length: 6 }, () => ({ a: { equals: 1 } })) }), "nothing");
});

t.test("the limits apply to the CMS's field names, so a version's names cannot bypass them", async (t) => {
  const names = new Map(
    Object.entries({ a: "apiKey", b: "events", c: "venue__tenant", d: "or", e: "AND", f: "title" }),
  );
  names.set("g", "venue.tenant");
  const renaming: WhereLimits = {
    ...limits,
    fieldOf: (path) => (path === "gone" ? undefined : (names.get(path) ?? path)),
  };
  for (const name of ["a", "b", "c", "d", "e", "g", "gone"]) {
    t.same(readWhere({ [name]: { equals: 1 } }, renaming), { kind: "nothing" }, name);
    t.same(readWhere({ or: [{ [name]: { equals: 1 } }] }, renaming), { kind: "nothing" }, `or: ${name}`);
    t.equal(ownField(name, renaming), undefined, `sort: ${name}`);
  }
  t.same(readWhere({ f: { equals: 1 } }, renaming), { kind: "narrow", where: { title: { equals: 1 } } });
});
