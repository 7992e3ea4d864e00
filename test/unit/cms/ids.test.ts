import t from "tap";
import { idKindOf, inParts, recordId } from "../../../src/cms/payload/ids.ts";

const lengths = (parts: readonly (readonly unknown[])[]): number[] => parts.map((part) => part.length);

t.test("ids are asked for by the hundred, in their order, and none twice or not at all", async (t) => {
  const ids = Array.from({ length: 250 }, (_, i) => i + 1);
  const parts = inParts(ids);
  t.strictSame(lengths(parts), [100, 100, 50]);
  t.strictSame(parts.flat(), ids);
  t.strictSame(inParts([]), []);
  const objectIds = Array.from({ length: 100 }, (_, i) => String(i).padStart(24, "a"));
  t.strictSame(lengths(inParts(objectIds)), [100]);
});

t.test("long ones by so many as fit into a URL", async (t) => {
  const ids = Array.from({ length: 30 }, (_, i) => `${i}`.padStart(128, ":"));
  const parts = inParts(ids);
  t.strictSame(parts.flat(), ids);
  for (const part of parts)
    t.ok(encodeURIComponent(JSON.stringify(part)).length < 4_200, String(part.length));
  t.ok(parts.length <= 4, String(parts.length));
});

t.test("the kind of a CMS's ids shows in one of them", async (t) => {
  t.equal(idKindOf(7), "number");
  t.equal(idKindOf("0b5c2c6e-6b0a-4c5e-9d6f-0123456789ab"), "uuid");
  t.equal(idKindOf("650000001000000000000007"), "text");
  t.equal(idKindOf("acme"), "text");
});

t.test("a UUID has one spelling, and other text is no id beside UUIDs", async (t) => {
  const id = "0b5c2c6e-6b0a-4c5e-9d6f-0123456789ab";
  t.equal(recordId(id, "uuid"), id);
  for (const spelling of [
    id.toUpperCase(),
    `{${id}}`,
    id.replaceAll("-", ""),
    ` ${id}`,
    `${id} `,
    "nonsense",
    "1",
    "",
  ])
    t.equal(recordId(spelling, "uuid"), undefined, spelling);
});
