import t from "tap";

import { GatewayError } from "../../../src/core/errors.ts";
import { bench, settled } from "./bench.ts";

t.test("a fact is looked up once, and again when its life is over", async (t) => {
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

t.test("a life begins when the question is asked, not when it is answered", async (t) => {
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

t.test("jitter only ever shortens a life", async (t) => {
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

t.test(
  "all who ask at the same time wait for one lookup, and one who leaves takes nobody along",
  async (t) => {
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
  },
);

t.test("a failure is everybody's who waited, and is not remembered", async (t) => {
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
  t.test(`a lookup under way when its name is forgotten (${how}) is neither stored nor joined`, async (t) => {
    const { store, find, answer, asked } = bench();
    const early = find("a");
    await settled();
    if (how === "flush") store.flush();
    else store[how]("a");
    const late = find("a");
    await answer({ of: "a", text: "what was withdrawn" });
    t.match((await early).value, { text: "what was withdrawn" }, "who asked before may have the old answer");
    const { value } = await Promise.race([late, settled().then(() => ({ value: "still waiting" }))]);
    t.equal(value, "still waiting", "who asked after may not");
    await answer(undefined);
    t.equal((await late).value, undefined);
    t.strictSame(
      await find("a"),
      { value: undefined, via: "memory" },
      "the later answer is the one remembered",
    );
    t.equal(asked.length, 2);
  });
}

t.test("what a lookup from before finds is not there afterwards", async (t) => {
  const { store, find, answer, asked } = bench();
  void find("a");
  await settled();
  store.flush();
  await answer({ of: "a", text: "what was withdrawn" });
  void find("a");
  await settled();
  t.equal(asked.length, 2);
});

t.test("the older lookup's late answer does not displace the newer one's", async (t) => {
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

t.test("known absences have a short life and a room of their own", async (t) => {
  const { find, answer, asked, pass } = bench();
  void find("good");
  await answer({ of: "good" });
  for (let i = 0; i < 20; i += 1) {
    void find(`bad-${i}`);
    await answer(undefined);
  }
  t.equal((await find("good")).via, "memory", "twenty strangers have not pushed it out");
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
  t.equal(few.asked.length, 12, "the eleventh has displaced the first");
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

t.test(
  "while invalidations may pass by, only young facts count, and they age while nobody looks",
  async (t) => {
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
  },
);

t.test("a fact may be served stale for its grace on the error named, and on no other", async (t) => {
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
  t.equal(asked.length, 2, "the CMS is left alone for a moment");
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
  t.equal(await flushed, "tenant.unverifiable", "what was forgotten is not served stale");
  void find("b");
  await answer({ of: "b" });
  pass(1_600);
  const late = find("b").catch((error: GatewayError) => error.code);
  await fail(down);
  t.equal(await late, "tenant.unverifiable", "nor beyond the grace");
});

t.test("nothing is served stale by a replica that may have missed an invalidation", async (t) => {
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

t.test("what one CMS does not know is asked of the one that a reload has put in its place", async (t) => {
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
