import t from "tap";
import { Invalidator } from "../../../src/cache/invalidator.ts";
import { RedisKeys } from "../../../src/cache/redis-keys.ts";
import type { LookupKind } from "../../../src/core/ports.ts";
import { handClock } from "../../support/clock.ts";
import { until } from "../../support/until.ts";

// A write without an answer may yet be carried out by the CMS: invalidations follow it for 15 s, one in two seconds.
const LAST_MS = 16_000;
const QUIET = (): void => undefined;

/** An invalidator, the kinds that it flushed in this process, and those that it told the other replicas. */
function setUp() {
  const clock = handClock();
  const flushed: (readonly LookupKind[])[] = [];
  const told: (readonly LookupKind[])[] = [];
  const invalidator = new Invalidator({
    clock,
    link: {
      async tell(message) {
        if (message.type === "flush") told.push(message.kinds);
        return { peers: 1, acknowledged: 1, complete: true };
      },
    },
    places: new RedisKeys("test"),
    events: { found: QUIET, invalidated: QUIET, redis: QUIET, redisFailed: QUIET, lookupRefused: QUIET },
    flush: (kinds) => void flushed.push(kinds),
  });
  return { clock, flushed, told, invalidator };
}

t.test("an uncertain write is followed by invalidations of all kinds in all replicas", async (t) => {
  const { clock, flushed, told, invalidator } = setUp();
  await invalidator.invalidate(["keys"], "uncertain");
  t.strictSame([flushed, told], [[["keys"]], [["keys"]]], "at once");
  for (let round = 1; round * 2_000 <= LAST_MS; round += 1) {
    clock.move(1_999);
    t.equal(flushed.length, round);
    clock.move(1);
    t.strictSame(flushed.slice(round), [["keys", "tenants"]], `after ${round * 2} s`);
    await until("the other replicas to be told", () => told.length === 1 + round);
    t.strictSame(told.at(-1), ["keys", "tenants"]);
  }
  t.equal(clock.pending, 0, "no further invalidation is due");
});

t.test("another uncertain write prolongs the series and starts no second one", async (t) => {
  const { clock, told, invalidator } = setUp();
  await invalidator.invalidate(["keys"], "uncertain");
  clock.move(9_999);
  await until("the other replicas to be told", () => told.length > 1);
  await invalidator.invalidate(["keys"], "uncertain");
  t.equal(clock.pending, 1);
  const [before, end] = [clock.now(), 10_000 + LAST_MS];
  while (clock.pending > 0) clock.move(1);
  t.ok(clock.now() > before && clock.now() === end, `until ${clock.now()} ms`);
});

t.test("an answered write starts no series, and closing ends one", async (t) => {
  const { clock, invalidator } = setUp();
  await invalidator.invalidate(["keys"], "write");
  t.equal(clock.pending, 0);
  await invalidator.invalidate(["keys"], "uncertain");
  t.equal(clock.pending, 1);
  invalidator.close();
  t.equal(clock.pending, 0);
});
