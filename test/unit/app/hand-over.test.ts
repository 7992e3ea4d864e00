import t from "tap";
import { withTimeout } from "../../../src/cache/with-timeout.ts";
import { Calls, Gone } from "../../../src/app/workers/calls.ts";
import { handOver } from "../../../src/app/workers/hand-over.ts";
import type { WorkerSide } from "../../../src/app/workers/sides.ts";
import type { Clock } from "../../../src/core/clock.ts";
import { handClock } from "../../support/clock.ts";
import { configFor } from "../../support/gateway.ts";
import { until } from "../../support/until.ts";

const config = configFor("http://cms.internal:3000", {});

/** A worker as the primary has it, which answers what `answer` says: nothing, a value or a fault. */
class Hand {
  readonly number = 2;
  readonly asked: string[] = [];
  readonly calls: Calls<WorkerSide>;
  isSilent: boolean;

  constructor(isSilent: boolean, answer?: { type: string }) {
    this.isSilent = isSilent;
    this.calls = new Calls((message: { id?: number; name?: string }) => {
      this.asked.push(message.name ?? "");
      if (answer !== undefined) queueMicrotask(() => this.calls.receive({ ...answer, id: message.id }));
    }, {});
  }

  inTime<T>(asked: Promise<T>, ms: number, clock: Clock): Promise<T> {
    return withTimeout(asked, ms, clock);
  }
}

function setUp(hand: Hand) {
  const clock = handClock();
  const lines: unknown[] = [];
  const state = { isOver: false };
  const over = handOver(hand, { config, clock, log: { error: (...line: unknown[]) => lines.push(line) } });
  void over.then(() => (state.isOver = true));
  return { lines, state, over, clock };
}

t.test("one that takes it is waited for", async (t) => {
  const hand = new Hand(false, { type: "answer" });
  const { lines, state, over } = setUp(hand);
  t.notOk(state.isOver);
  await over;
  t.strictSame([hand.asked, lines], [["reload"], []]);
});

t.test("one that cannot build it is replaced", async (t) => {
  const hand = new Hand(false, { type: "fault" });
  const { lines, over } = setUp(hand);
  await over;
  t.strictSame(hand.asked, ["reload", "stop"]);
  t.equal(lines.length, 1);
});

t.test("one that hangs is given up in time, and its end is not waited for", async (t) => {
  const hand = new Hand(false);
  const { lines, over, clock } = setUp(hand);
  clock.move(29_999);
  t.equal(clock.pending, 1, "its time is not up");
  clock.move(1);
  t.equal(clock.pending, 0);
  await over;
  t.strictSame(hand.asked, ["reload", "stop"]);
  t.equal(lines.length, 1);
});

t.test("one that is silent already is told, and not waited for", async (t) => {
  const hand = new Hand(true);
  const { over, clock } = setUp(hand);
  await over;
  t.strictSame(hand.asked, ["reload"]);
  clock.move(30_000);
  await until("the request to stop", () => hand.asked.length > 1);
  t.strictSame(hand.asked, ["reload", "stop"]);
});

t.test("one that has ended needs no replacing", async (t) => {
  const hand = new Hand(false);
  const { lines, over } = setUp(hand);
  hand.calls.end();
  await over;
  t.strictSame([hand.asked, lines], [["reload"], []]);
  await t.rejects(hand.calls.ask("stop"), Gone);
});
