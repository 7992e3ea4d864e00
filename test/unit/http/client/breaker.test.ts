import t from "tap";
import { createBreaker } from "../../../../src/http/client/breaker.ts";
import { handClock } from "../../../support/clock.ts";

const FAILURES = 3;

function breakerAt() {
  const clock = handClock();
  const breaker = createBreaker({ failures: FAILURES, retryAfter: 1_000, clock });
  /** Failures in sequence, each begun after the previous one had failed. */
  const fail = (times: number): void => {
    for (let i = 0; i < times; i++) {
      const begun = clock.now();
      clock.move(1);
      breaker.failed({ begun, slow: false });
    }
  };
  return { clock, breaker, fail };
}

t.test("opens after consecutive failures, and an answer between them resets the count", async (t) => {
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
});

t.test("one incident that breaks many requests in flight is one failure; each timeout counts", async (t) => {
  const { breaker, clock } = breakerAt();
  clock.move(5);
  for (let i = 0; i < 50; i++) breaker.failed({ begun: 2, slow: false });
  t.equal(breaker.isOpen, false, "all were broken by the same restart");
  for (let i = 0; i < FAILURES; i++) breaker.failed({ begun: 2, slow: true });
  t.equal(breaker.isOpen, true, "each timed out on its own");
});

t.test("ignores the failure of a request that began before the latest answer", async (t) => {
  const { breaker, clock } = breakerAt();
  clock.move(10);
  breaker.answered();
  for (let i = 0; i < 50; i++) breaker.failed({ begun: 3, slow: true });
  t.equal(breaker.isOpen, false);
});

t.test("while open, admits one trial per interval even if earlier trials hang or failed", async (t) => {
  const { breaker, fail, clock } = breakerAt();
  fail(FAILURES);
  const admitted: boolean[] = [];
  for (let i = 0; i < 8; i++) {
    clock.move(500);
    admitted.push(breaker.admits());
    // Failures of earlier requests must not delay the next trial.
    breaker.failed({ begun: clock.now(), slow: true });
  }
  t.strictSame(admitted, [false, true, false, true, false, true, false, true]);
  breaker.answered();
  t.equal(breaker.isOpen, false);
  t.ok(breaker.admits() && breaker.admits(), "closed for all requests");
});
