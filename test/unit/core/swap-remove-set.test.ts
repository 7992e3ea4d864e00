import t from "tap";
import { SwapRemoveSet, type Member } from "../../../src/core/swap-remove-set.ts";

t.test("delete removes exactly the given member, in any order of additions and removals", async (t) => {
  const crowd = new SwapRemoveSet<Member & { readonly name: number }>();
  const all = Array.from({ length: 50 }, (_, name) => ({ name, place: -1 }));
  const there = new Set<number>();
  let [at, most] = [7, 0];
  for (let i = 0; i < 2_000; i += 1) {
    at = (at * 31 + 11) % 50;
    const member = all[(at + i) % 50];
    if (member === undefined) throw new Error("no such member");
    if (there.delete(member.name)) crowd.delete(member);
    else {
      there.add(member.name);
      crowd.add(member);
    }
    // Deleting a member that is not in the set removes nothing.
    crowd.delete({ name: -1, place: i % 60 });
    most = Math.max(most, there.size);
    const names = crowd.all().map(({ name }) => name);
    if (names.length !== there.size || names.some((name) => !there.has(name))) t.fail(`after ${i} changes`);
  }
  t.ok(most > 10, `at most ${most}`);
});

t.test("members may be removed during iteration", async (t) => {
  const crowd = new SwapRemoveSet<Member>();
  for (let i = 0; i < 5; i += 1) crowd.add({ place: -1 });
  for (const member of crowd.all()) crowd.delete(member);
  t.strictSame(crowd.all(), []);
});
