import t from "tap";
import { idKindOf, inBatches, recordId } from "../../../src/cms/payload/ids.ts";

const lengths = (parts: readonly (readonly unknown[])[]): number[] => parts.map((part) => part.length);

t.test("ids are split into batches of 100, in order, without loss or repetition", async (t) => {
  const ids = Array.from({ length: 250 }, (_, i) => i + 1);
  const parts = inBatches(ids);
  t.strictSame(lengths(parts), [100, 100, 50]);
  t.strictSame(parts.flat(), ids);
  t.strictSame(inBatches([]), []);
  const objectIds = Array.from({ length: 100 }, (_, i) => String(i).padStart(24, "a"));
  t.strictSame(lengths(inBatches(objectIds)), [100]);
});

t.test("long ids are split into batches that fit into a URL", async (t) => {
  const ids = Array.from({ length: 30 }, (_, i) => `${i}`.padStart(128, ":"));
  const parts = inBatches(ids);
  t.strictSame(parts.flat(), ids);
  for (const part of parts)
    t.ok(encodeURIComponent(JSON.stringify(part)).length < 4_200, String(part.length));
  t.ok(parts.length <= 4, String(parts.length));
});

t.test("the format of a CMS's ids is derived from one of them", async (t) => {
  t.equal(idKindOf(7), "number");
  t.equal(idKindOf("0b5c2c6e-6b0a-4c5e-9d6f-0123456789ab"), "uuid");
  t.equal(idKindOf("650000001000000000000007"), "text");
  t.equal(idKindOf("acme"), "text");
});

t.test("a UUID has one spelling, and no other text is an id if ids are UUIDs", async (t) => {
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
