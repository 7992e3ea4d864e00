import t, { type Test } from "tap";
import { startHandReplica } from "../../support/hand-replica.ts";
import { until } from "../../support/until.ts";

// A write without an answer may yet be carried out by the CMS: invalidations follow it for 15 s, one in two seconds.
const LAST_MS = 16_000;

/** A replica of two workers without Redis, and how often the other was told to forget what. */
function replica(t: Test) {
  const told: (readonly string[])[] = [];
  const others = async (kinds: readonly string[]) => {
    told.push([...kinds]);
    return { peers: 1, acknowledged: 1, complete: true };
  };
  return { told, ...startHandReplica(t, { others }) };
}

t.test("an uncertain write is followed by invalidations of all kinds, here and in all others", async (t) => {
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
  t.equal(clock.pending, 0, "none is to come");
});

t.test("another uncertain write prolongs the series, and does not begin a second one", async (t) => {
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

t.test("a write that was answered is followed by none, and a closed cache ends the series", async (t) => {
  const { clock, cache } = replica(t);
  await cache.invalidate(["keys"], "write");
  t.equal(clock.pending, 0);
  await cache.invalidate(["keys"], "uncertain");
  t.equal(clock.pending, 1);
  await cache.close();
  t.equal(clock.pending, 0);
});
