import t from "tap";

import { UnknownKeyLimiter } from "../../../src/cache/unknown-key-limiter.ts";
import { bench, settled } from "./bench.ts";

t.test("unknown names share a token bucket; a known name is always admitted", async (t) => {
  const { clock, pass } = bench();
  const doorkeeper = new UnknownKeyLimiter({ clock, perSecond: 2, max: 10 });
  doorkeeper.learn("friend", true);
  t.strictSame(
    [1, 2, 3].map((n) => doorkeeper.admits(`stranger-${n}`)),
    [true, true, false],
  );
  t.ok(doorkeeper.admits("friend"));
  pass(500);
  t.strictSame(
    ["a", "b"].map((name) => doorkeeper.admits(name)),
    [true, false],
    "one more in half a second",
  );
  pass(60_000);
  t.strictSame(
    ["a", "b", "c"].map((name) => doorkeeper.admits(name)),
    [true, true, false],
    "at most one bucket",
  );
  doorkeeper.learn("friend", false);
  t.notOk(doorkeeper.admits("friend"), "a revoked key is unknown again");
});

t.test("a lookup over the limit is rejected as key.unverifiable, and nothing is cached", async (t) => {
  const clock = { now: () => 0, after: () => () => undefined };
  const doorkeeper = new UnknownKeyLimiter({ clock, perSecond: 1, max: 10 });
  const { find, answer, seen, asked } = bench({}, { doorkeeper });
  void find("a");
  await answer(undefined);
  await t.rejects(find("b"), { code: "key.unverifiable" });
  await t.rejects(find("b"), { code: "key.unverifiable" });
  t.strictSame(asked, ["a"]);
  t.ok(seen.includes("refused"));
});

t.test("a lookup is marked as unknown unless the key was valid at its last lookup", async (t) => {
  const { clock } = bench();
  const doorkeeper = new UnknownKeyLimiter({ clock, perSecond: 10, max: 10 });
  const { store, find, answer, unknown } = bench({}, { doorkeeper });
  for (const is of [{ of: "a" }, { of: "a" }, undefined, undefined]) {
    // The caller's own value is ignored.
    void find("a", { isUnknownKey: false });
    await answer(is);
    store.flush();
  }
  t.strictSame(unknown, [true, false, false, true]);
  const unguarded = bench();
  void unguarded.find("a", { isUnknownKey: false });
  await settled();
  t.strictSame(unguarded.unknown, [false]);
});
