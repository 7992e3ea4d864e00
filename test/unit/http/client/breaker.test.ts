import t from "tap";
import { createBreaker } from "../../../../src/http/client/breaker.ts";
import { handClock } from "../../../support/clock.ts";

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
