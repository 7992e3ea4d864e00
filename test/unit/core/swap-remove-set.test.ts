import t from "tap";
import { SwapRemoveSet, type Member } from "../../../src/core/swap-remove-set.ts";

t.test("whoever is removed is gone, and nobody else, in whatever order they come and go", async (t) => {
  const crowd = new SwapRemoveSet<Member & { readonly name: number }>();
  const all = Array.from({ length: 50 }, (_, name) => ({ name, place: -1 }));
  const there = new Set<number>();
  let [at, most] = [7, 0];
  for (let i = 0; i < 2_000; i += 1) {
    at = (at * 31 + 11) % 50;
    const member = all[(at + i) % 50];
    if (member === undefined) throw new Error("nobody");
    if (there.delete(member.name)) crowd.delete(member);
    else {
      there.add(member.name);
      crowd.add(member);
    }
    // One who is not there: nobody leaves for him.
    crowd.delete({ name: -1, place: i % 60 });
    most = Math.max(most, there.size);
    const names = crowd.all().map(({ name }) => name);
    if (names.length !== there.size || names.some((name) => !there.has(name))) t.fail(`after ${i} changes`);
  }
  t.ok(most > 10, `${most} at the most`);
});

t.test("those who are there may leave while they are gone through", async (t) => {
  const crowd = new SwapRemoveSet<Member>();
  for (let i = 0; i < 5; i += 1) crowd.add({ place: -1 });
  for (const member of crowd.all()) crowd.delete(member);
  t.strictSame(crowd.all(), []);
});
