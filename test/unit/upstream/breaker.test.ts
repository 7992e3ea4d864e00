import { getEventListeners } from "node:events";
import t from "tap";
import { GatewayError } from "../../../src/core/errors.ts";
import { createBreaker } from "../../../src/upstream/breaker.ts";
import { Places } from "../../../src/upstream/places.ts";
import { handClock } from "../../support/clock.ts";

const NEVER = new AbortController().signal;
const FAILURES = 3;

function breakerAt() {
  const clock = handClock();
  const breaker = createBreaker({ failures: FAILURES, retryAfter: 1_000, clock });
  /** One after the other, each begun when the one before had failed. */
  const fail = (times: number): void => {
    for (let i = 0; i < times; i++) {
      const begun = clock.now();
      clock.move(1);
      breaker.failed({ begun, slow: false });
    }
  };
  return { clock, breaker, fail };
}

t.test(
  "it opens after so many failures in a row, and an answer between them starts the count anew",
  async (t) => {
    const { breaker, fail, clock } = breakerAt();
    fail(FAILURES - 1);
    breaker.answered();
    clock.move(1);
    fail(FAILURES - 1);
    t.equal(breaker.isOpen, false);
    t.equal(breaker.admits(), true);
    fail(1);
    t.equal(breaker.isOpen, true);
    t.equal(breaker.admits(), false);
  },
);

t.test(
  "one blow to many requests under way is one failure; many that ran out of time are many",
  async (t) => {
    const { breaker, clock } = breakerAt();
    clock.move(5);
    for (let i = 0; i < 50; i++) breaker.failed({ begun: 2, slow: false });
    t.equal(breaker.isOpen, false, "all were cut by the same restart");
    for (let i = 0; i < FAILURES; i++) breaker.failed({ begun: 2, slow: true });
    t.equal(breaker.isOpen, true, "each waited its whole time in vain");
  },
);

t.test("what began before somebody was answered says nothing of now", async (t) => {
  const { breaker, clock } = breakerAt();
  clock.move(10);
  breaker.answered();
  for (let i = 0; i < 50; i++) breaker.failed({ begun: 3, slow: true });
  t.equal(breaker.isOpen, false);
});

t.test(
  "while open, one trial in each interval goes out, though those before it hang or failed",
  async (t) => {
    const { breaker, fail, clock } = breakerAt();
    fail(FAILURES);
    const admitted: boolean[] = [];
    for (let i = 0; i < 8; i++) {
      clock.move(500);
      admitted.push(breaker.admits());
      // Failures of requests from before must not push the next trial away.
      breaker.failed({ begun: clock.now(), slow: true });
    }
    t.strictSame(admitted, [false, true, false, true, false, true, false, true]);
    breaker.answered();
    t.equal(breaker.isOpen, false);
    t.ok(breaker.admits() && breaker.admits(), "closed for everybody");
  },
);

t.test("places: so many at the same time, so many waiting, the next is busy at once", async (t) => {
  const places = new Places(2, 2);
  await places.take(NEVER);
  await places.take(NEVER);
  const order: number[] = [];
  const first = places.take(NEVER).then(() => order.push(1));
  const second = places.take(NEVER).then(() => order.push(2));
  await t.rejects(places.take(NEVER), { code: "gateway.busy" });
  places.release();
  await first;
  places.release();
  await second;
  t.strictSame(order, [1, 2], "first come, first served");
  t.equal(places.waiting, 0);
});

t.test("places: whoever leaves the queue leaves nothing behind, and takes no place", async (t) => {
  const places = new Places(1, 5);
  await places.take(NEVER);
  const leaving = new AbortController();
  const waits = places.take(leaving.signal);
  t.equal(places.waiting, 1);
  leaving.abort(new GatewayError("request.stalled"));
  await t.rejects(waits, { code: "request.stalled" });
  t.equal(places.waiting, 0);
  await t.rejects(places.take(leaving.signal), { code: "request.stalled" });
  const staying = new AbortController();
  const granted = places.take(staying.signal);
  places.release();
  await granted;
  t.equal(getEventListeners(staying.signal, "abort").length, 0);
  places.release();
  await places.take(NEVER);
});
