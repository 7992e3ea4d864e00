import t, { type Test } from "tap";
import { startHandReplica } from "../../support/hand-replica.ts";
import { until } from "../../support/until.ts";

// The CMS may still carry out a write without an answer: invalidations repeat for 15 s, every two seconds.
const LAST_MS = 16_000;

/**
 * Starts a replica of two workers without Redis, and records the invalidations that the other worker gets.
 */
function replica(t: Test) {
  const told: (readonly string[])[] = [];
  const others = async (kinds: readonly string[]) => {
    told.push([...kinds]);
    return { peers: 1, acknowledged: 1, complete: true };
  };
  return { told, ...startHandReplica(t, { others }) };
}

t.test("an uncertain write causes repeated invalidations of all kinds in all workers", async (t) => {
  const one = replica(t);
  const { told, clock, cache } = one;
  await one.learn("the key");
  await cache.invalidate(["keys"], "uncertain");
  t.strictSame(told, [["keys"]], "at once");
  for (let round = 1; round * 2_000 <= LAST_MS; round += 1) {
    await one.learn(`key ${round}`);
    clock.move(1_999);
    t.equal(await one.whence(`key ${round}`), "memory");
    clock.move(1);
    t.equal(await one.whence(`key ${round}`), "the CMS is asked", `after ${round * 2} s`);
    await until("the others to be told", () => told.length === 1 + round);
    t.strictSame(told.at(-1), ["keys", "tenants"]);
  }
  t.equal(clock.pending, 0, "no further invalidation is scheduled");
});

t.test("another uncertain write extends the series without starting a second one", async (t) => {
  const { told, clock, cache } = replica(t);
  await cache.invalidate(["keys"], "uncertain");
  clock.move(9_999);
  await until("the others to be told", () => told.length > 1);
  await cache.invalidate(["keys"], "uncertain");
  t.equal(clock.pending, 1);
  const [before, end] = [clock.now(), 10_000 + LAST_MS];
  while (clock.pending > 0) clock.move(1);
  t.ok(clock.now() > before && clock.now() === end, `until ${clock.now()} ms`);
});

t.test("an answered write causes no series, and closing the cache ends one", async (t) => {
  const { clock, cache } = replica(t);
  await cache.invalidate(["keys"], "write");
  t.equal(clock.pending, 0);
  await cache.invalidate(["keys"], "uncertain");
  t.equal(clock.pending, 1);
  await cache.close();
  t.equal(clock.pending, 0);
});
