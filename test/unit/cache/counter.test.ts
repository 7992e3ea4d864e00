import * as fc from "fast-check";
import t from "tap";
import { LocalCounter } from "../../../src/cache/local-counter.ts";
import { handClock } from "../../support/clock.ts";

const MINUTE = 60_000;

t.test("exactly the limit of requests passes in any window", async (t) => {
  // By definition a request passes if and only if fewer than the limit have passed in the window before it.
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 120 }),
      async (limit, pauses) => {
        const clock = handClock();
        const counter = new LocalCounter(clock);
        const passed: number[] = [];
        for (const pause of pauses) {
          clock.move(pause);
          const now = clock.now();
          const recent = passed.filter((time) => time > now - 50).length;
          const { isWithin, remaining } = await counter.count("name", { limit, window: 50 });
          t.equal(isWithin, recent < limit);
          if (isWithin) passed.push(now);
          t.equal(remaining, limit - Math.min(limit, recent + (isWithin ? 1 : 0)));
        }
      },
    ),
    { numRuns: 200 },
  );
});

t.test("the wait is exact: a request is refused 1 ms before its end and passes at its end", async (t) => {
  const clock = handClock();
  const counter = new LocalCounter(clock);
  const count = () => counter.count("name", { limit: 3, window: MINUTE });
  for (const pause of [0, 10_000, 10_000]) {
    clock.move(pause);
    t.match(await count(), { isWithin: true });
  }
  const refused = await count();
  t.strictSame(refused, { isWithin: false, remaining: 0, wait: 40_000 });
  clock.move(39_999);
  t.match(await count(), { isWithin: false, wait: 1 });
  clock.move(1);
  t.strictSame(await count(), { isWithin: true, remaining: 0, wait: 10_000 });
});

t.test("a lowered limit applies at once, with the exact wait", async (t) => {
  const clock = handClock();
  const counter = new LocalCounter(clock);
  for (let i = 0; i < 10; i += 1) {
    await counter.count("name", { limit: 10, window: MINUTE });
    clock.move(1_000);
  }
  const low = { limit: 4, window: MINUTE };
  // Three remain in the window when the seventh of ten requests, at 6 s, has left it.
  t.strictSame(await counter.count("name", low), { isWithin: false, remaining: 0, wait: 56_000 });
  clock.move(56_000);
  t.match(await counter.count("name", low), { isWithin: true, remaining: 0 });
});

t.test("each name has its own count", async (t) => {
  const counter = new LocalCounter(handClock());
  const one = { limit: 1, window: MINUTE };
  t.match(await counter.count("reads:1", one), { isWithin: true });
  t.match(await counter.count("writes:1", one), { isWithin: true });
  t.match(await counter.count("reads:2", one), { isWithin: true });
  t.match(await counter.count("reads:1", one), { isWithin: false });
});
