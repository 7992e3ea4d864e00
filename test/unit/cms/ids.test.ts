import t from "tap";
import { inParts } from "../../../src/cms/payload/ids.ts";

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
