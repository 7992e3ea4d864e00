import t from "tap";

import { GatewayError } from "../../../src/core/errors.ts";
import { bench, settled } from "./bench.ts";

t.test("a fact is looked up once, and again after it has expired", async (t) => {
  const { find, answer, asked, pass } = bench();
  const first = find("a");
  await answer({ of: "a" });
  t.strictSame(await first, { value: { of: "a" }, via: "cms" });
  pass(999);
  t.strictSame(await find("a"), { value: { of: "a" }, via: "memory" });
  pass(1);
  void find("a");
  await settled();
  t.strictSame(asked, ["a", "a"]);
});

t.test("a lifetime starts when the lookup is sent, not when it is answered", async (t) => {
  const { find, answer, asked, pass } = bench();
  void find("a");
  await settled();
  pass(900);
  await answer({ of: "a" });
  pass(99);
  t.equal((await find("a")).via, "memory");
  pass(1);
  void find("a");
  await settled();
  t.equal(asked.length, 2);
});

t.test("jitter only shortens a lifetime", async (t) => {
  const { find, answer, asked, pass } = bench({ jitter: 0.2, random: () => 0.5 });
  void find("a");
  await answer({ of: "a" });
  pass(899);
  t.equal((await find("a")).via, "memory");
  pass(1);
  void find("a");
  await settled();
  t.equal(asked.length, 2);
});

t.test("concurrent calls share one lookup, and aborting one call does not affect the others", async (t) => {
  const { find, answer, asked } = bench();
  const leaving = new AbortController();
  const left = find("a", { signal: leaving.signal });
  const others = Promise.all([find("a"), find("a"), find("a")]);
  leaving.abort(new GatewayError("request.stalled"));
  await t.rejects(left, { code: "request.stalled" });
  await answer({ of: "a" });
  t.strictSame(
    (await others).map(({ via }) => via),
    ["joined", "joined", "joined"],
  );
  t.equal(asked.length, 1);
});

t.test("all waiting calls get the error of a failed lookup, and it is not cached", async (t) => {
  const { find, fail, answer, asked } = bench();
  const both = Promise.allSettled([find("a"), find("a")]);
  await fail(new GatewayError("key.unverifiable"));
  t.match(await both, [{ status: "rejected" }, { status: "rejected" }]);
  const again = find("a");
  await answer({ of: "a" });
  t.match(await again, { value: { of: "a" } });
  t.equal(asked.length, 2);
});

for (const how of ["flush", "drop"] as const) {
  t.test(`a lookup in flight when its name is invalidated (${how}) is not stored or joined`, async (t) => {
    const { store, find, answer, asked } = bench();
    const early = find("a");
    await settled();
    if (how === "flush") store.flush();
    else store[how]("a");
    const late = find("a");
    await answer({ of: "a", text: "what was withdrawn" });
    t.match((await early).value, { text: "what was withdrawn" }, "an earlier call may get the old answer");
    const { value } = await Promise.race([late, settled().then(() => ({ value: "still waiting" }))]);
    t.equal(value, "still waiting", "a later call does not get it");
    await answer(undefined);
    t.equal((await late).value, undefined);
    t.strictSame(await find("a"), { value: undefined, via: "memory" }, "the later answer is cached");
    t.equal(asked.length, 2);
  });
}

t.test("the answer to a lookup from before a flush is not cached", async (t) => {
  const { store, find, answer, asked } = bench();
  void find("a");
  await settled();
  store.flush();
  await answer({ of: "a", text: "what was withdrawn" });
  void find("a");
  await settled();
  t.equal(asked.length, 2);
});

t.test("a late answer to an older lookup does not replace the newer one", async (t) => {
  const { store, find, answer } = bench();
  void find("a");
  await settled();
  store.flush();
  void find("a");
  await settled();
  await answer({ of: "a", text: "old" });
  await answer({ of: "a", text: "new" });
  t.match(await find("a"), { value: { text: "new" }, via: "memory" });
});

t.test("known absences have a short lifetime and a separate limit", async (t) => {
  const { find, answer, asked, pass } = bench();
  void find("good");
  await answer({ of: "good" });
  for (let i = 0; i < 20; i += 1) {
    void find(`bad-${i}`);
    await answer(undefined);
  }
  t.equal((await find("good")).via, "memory", "twenty absences do not evict it");
  t.strictSame(await find("bad-19"), { value: undefined, via: "memory" });
  pass(100);
  void find("bad-19");
  await settled();
  t.equal(asked.length, 22);
});

t.test("facts are bounded in number and in bytes", async (t) => {
  const few = bench();
  for (let i = 0; i < 11; i += 1) {
    void few.find(`k${i}`);
    await few.answer({ of: "k" });
  }
  void few.find("k0");
  await settled();
  t.equal(few.asked.length, 12, "the eleventh fact has evicted the first");
  const small = bench({ bytes: 5_000 });
  for (let i = 0; i < 5; i += 1) {
    void small.find(`k${i}`);
    await small.answer({ of: "k", text: "x".repeat(1_000) });
  }
  t.equal((await small.find("k4")).via, "memory");
  void small.find("k0");
  await settled();
  t.equal(small.asked.length, 6);
});

t.test("while invalidations may be missed, only young facts are valid", async (t) => {
  let longest = Infinity;
  const { find, answer, asked, pass } = bench({ longestLife: () => longest, ttl: 10_000 });
  void find("a");
  await answer({ of: "a" });
  longest = 500;
  pass(499);
  t.equal((await find("a")).via, "memory");
  pass(1);
  void find("a");
  await settled();
  t.equal(asked.length, 2);
});

t.test("a fact is served stale within its grace period on the configured error only", async (t) => {
  const down = new GatewayError("tenant.unverifiable");
  const { find, answer, fail, asked, pass, store } = bench(
    { grace: 500 },
    { staleOn: "tenant.unverifiable" },
  );
  void find("a");
  await answer({ of: "a" });
  pass(1_100);
  const stale = find("a");
  await fail(down);
  t.strictSame(await stale, { value: { of: "a" }, via: "stale" });
  t.equal((await find("a")).via, "stale");
  t.equal(asked.length, 2, "no lookup is sent for a moment");
  const other = bench({ grace: 500 }, { staleOn: "tenant.unverifiable" });
  void other.find("a");
  await other.answer({ of: "a" });
  other.pass(1_100);
  const refused = other.find("a").catch((error: GatewayError) => error.code);
  await other.fail(new GatewayError("key.forbidden"));
  t.equal(await refused, "key.forbidden");
  store.flush();
  const flushed = find("a").catch((error: GatewayError) => error.code);
  await fail(down);
  t.equal(await flushed, "tenant.unverifiable", "an invalidated fact is not served stale");
  void find("b");
  await answer({ of: "b" });
  pass(1_600);
  const late = find("b").catch((error: GatewayError) => error.code);
  await fail(down);
  t.equal(await late, "tenant.unverifiable", "no fact is served beyond the grace period");
});

t.test("a replica that may have missed an invalidation serves nothing stale", async (t) => {
  let longest = Infinity;
  const options = { grace: 500, longestLife: () => longest };
  const { find, answer, fail, pass } = bench(options, { staleOn: "tenant.unverifiable" });
  void find("a");
  await answer({ of: "a" });
  pass(1_100);
  longest = 5_000;
  const refused = find("a").catch((error: GatewayError) => error.code);
  await fail(new GatewayError("tenant.unverifiable"));
  t.equal(await refused, "tenant.unverifiable");
});

t.test("an absence at one CMS does not apply to the CMS that replaces it after a reload", async (t) => {
  const { from, answer, asked, asking } = bench();
  const [before, after] = [from("the old CMS"), from("the new CMS")];
  const early = before.find("a", asking);
  await answer(undefined);
  t.strictSame(await early, { value: undefined, via: "cms" });
  t.strictSame(await before.find("a", asking), { value: undefined, via: "memory" });
  const late = after.find("a", asking);
  await answer({ of: "a" });
  t.strictSame(await late, { value: { of: "a" }, via: "cms" });
  t.equal(asked.length, 2);
});
