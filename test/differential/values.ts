import * as fc from "fast-check";

import { few, moment, record, some, text, to, toAny, type Fields, type Values } from "./shapes.ts";
import { reference, type Data, type Value } from "./steps.ts";

/** Values of the fields of the sink: mostly values from a correct partner, some invalid. */

const plainJson: Values = fc.constantFrom<Value>(
  null,
  0,
  "text",
  [],
  {},
  [1, [2]],
  { id: 1, title: "no record" },
  { id: "x", createdAt: "2026-05-01T00:00:00.000Z", tenant: 3 },
  { relationTo: "venues", value: { id: 2 } },
  { docs: [{ id: 2 }], hasNextPage: false },
  { tenant: { id: 3 }, "a.b": 1, $gt: 2 },
);

/** A node of rich text with other nodes in it. */
function node(type: string, children: readonly Value[]): Data {
  return { type, format: "", indent: 0, version: 1, direction: "ltr", children };
}

const words: Values = fc.constantFrom("one", "Füße").map((written) => ({
  ...node("paragraph", [
    { type: "text", text: written, detail: 0, format: 0, mode: "normal", style: "", version: 1 },
  ]),
  textFormat: 0,
  textStyle: "",
}));
const embedded: Values = fc
  .tuple(fc.constantFrom("relationship", "upload"), fc.nat({ max: 3 }), fc.boolean())
  .map(([type, number, isMedia]) => ({
    type,
    format: "",
    version: 2,
    ...(type === "upload" ? { id: "65f0c0ffee65f0c0ffee0001", fields: null } : {}),
    relationTo: type === "upload" ? "media" : isMedia ? "works" : "venues",
    value: reference(type === "upload" ? "media" : isMedia ? "works" : "venues", number),
  }));
const rich: Values = some(
  fc.oneof({ weight: 2, arbitrary: words }, { weight: 1, arbitrary: embedded }),
  3,
).map((children) => ({
  root: node("root", Array.isArray(children) && children.length > 0 ? children : [node("paragraph", [])]),
}));

const quote: Values = record(
  {
    blockType: fc.constant("quote"),
    text,
    saidAt: moment,
  },
  ["blockType"],
);
const card: Values = record(
  {
    blockType: fc.constant("card"),
    venue: to("venues"),
    data: plainJson,
    createdAt: moment,
    inner: some(quote, 2),
    lines: some(record({ line: text }), 2),
  },
  ["blockType"],
);
const row: Values = record({
  label: text,
  createdAt: moment,
  updatedAt: moment,
  venue: to("venues"),
  notes: some(record({ note: text }), 2),
});

const SINK: Fields = {
  title: text,
  code: fc.constantFrom("c1", "c2", "c3"),
  short: fc.constantFrom<Value>("short", "far too long a text", 5),
  words: some(text),
  area: text,
  mail: fc.constantFrom<Value>("a@b.test", "no address", ""),
  count: fc.constantFrom<Value>(0, -1, 1.5, 1_000_001, "12", "many"),
  counts: some(fc.constantFrom<Value>(1, 2, 2.5)),
  flag: fc.constantFrom<Value>(true, false, "true", 1),
  at: moment,
  choice: fc.constantFrom<Value>("red", "green", "blue"),
  choices: some(fc.constantFrom<Value>("red", "green", "pink")),
  radio: fc.constantFrom<Value>("on", "off", "maybe"),
  data: plainJson,
  source: text,
  rich,
  place: few({ city: text, updatedAt: moment, geo: record({ zone: fc.constantFrom("a", "abcdefg") }) }, 3),
  seo: record({ summary: text }),
  hint: text,
  left: text,
  right: text,
  rows: some(row),
  wordings: some(record({ wording: text }), 2),
  parts: some(fc.oneof(quote, card), 2),
  venue: fc.oneof(
    { weight: 9, arbitrary: to("venues") },
    { weight: 1, arbitrary: fc.constantFrom<Value>("nonsense", 0) },
  ),
  venues: some(to("venues")),
  spot: to("venues"),
  any: toAny("venues", "tags"),
  tag: to("tags"),
  host: to("users"),
  picture: to("media"),
  pictures: some(to("media"), 2),
  unseen: text,
  fixed: text,
  ownOnly: text,
  history: text,
  venueTitle: text,
  createdAt: moment,
  updatedAt: moment,
};

const REFUSAL: Values = fc.constantFrom(
  "public 400",
  "public 409",
  "public 410",
  "public 422",
  "public 429",
  "private 403",
  "forbidden",
  "locked",
  "missing",
  "validation",
  "public 500",
  "error",
  "",
  "none",
);

/** The bodies of each collection, and the names of its fields for conditions of lists. */
export const BODIES: Readonly<Record<string, fc.Arbitrary<Data>>> = {
  sinks: few(SINK, 6),
  venues: few({ title: text, slug: text, sinks: some(to("sinks")), folder: plainJson }, 3),
  notes: few({ text: fc.constantFrom<Value>("one", "two", "hidden", "refused", ""), venue: to("venues") }, 2),
  media: few({ alt: text, filename: text, focalX: fc.constantFrom<Value>(10, 90), url: text }, 3),
  works: few(
    {
      title: text,
      code: fc.constantFrom("c1", "c2"),
      refusal: REFUSAL,
      deletion: REFUSAL,
      sizes: some(record({ width: fc.constantFrom<Value>(1, "x") }), 2),
      layout: some(record({ blockType: fc.constant("cta"), heading: text }, ["blockType"]), 2),
    },
    4,
  ),
  ledger: few({ entry: text }, 1),
};

/**
 * Relations of a new record to the two seeded ones, which point at no record of their collection. Payload (3.90.2) never
 * answers a read at depth 2 of a record that points at itself, or at two records of which one points at the other.
 */
export const ANCESTRY: fc.Arbitrary<Data> = few(
  {
    parent: fc.constant(reference("sinks", 0)),
    anys: some(fc.oneof(toAny("venues"), fc.constantFrom(0, 1).map(seededSink)), 2),
  },
  2,
);

function seededSink(nth: number): Value {
  return { relationTo: "sinks", value: reference("sinks", nth) };
}
