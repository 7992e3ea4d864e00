import t from "tap";
import { Kept } from "../../../src/observe/explain/kept.ts";

t.test("what is kept is bounded by number and by bytes, the oldest make room", async (t) => {
  const kept = new Kept(3, 10);
  const there = (): string => ["a", "b", "c", "d", "e"].filter((id) => kept.find(id) !== undefined).join("");
  for (const id of ["a", "b", "c", "d"]) kept.add(id, "…");
  t.equal(there(), "bcd");
  t.equal(kept.find("d"), "…");
  kept.add("e", "12345");
  t.equal(there(), "de", "three bytes a character that is not Latin");
  kept.add("a", "12345678901");
  t.equal(there(), "de", "what alone is too large is not kept");
  kept.add("d", "1");
  kept.add("a", "1234");
  t.equal(there(), "ade", "one that is kept again counts once");
});
