import t from "tap";
import { watch, type Watched } from "../../../src/app/workers/watch.ts";
import type { Clock } from "../../../src/core/clock.ts";
import { handClock } from "../../support/clock.ts";

/** A worker that answers at once, until it `hangs`. */
class Hand implements Watched {
  looks = 0;
  hangs = false;
  prods = 0;

  prod(): void {
    this.prods += 1;
  }

  /** What a primary does that comes to read. */
  read(): void {
    if (this.prods > 0 && !this.hangs) this.looks = 0;
  }
}

function setUp() {
  const clock = handClock();
  const [well, other] = [new Hand(), new Hand()];
  const hanging: Hand[] = [];
  const end = watch({
    clock,
    patience: 30_000,
    hands: () => [well, other],
    onHang: (hand) => hanging.push(hand),
  });
  const live = (seconds: number): void => {
    for (let i = 0; i < seconds; i += 1) {
      clock.move(1_000);
      well.read();
      other.read();
    }
  };
  return { clock, well, other, hanging, end, live };
}

t.test(
  "one that gives no sign of life is told of, once, after its time and at most a third more",
  async (t) => {
    const { other, hanging, live } = setUp();
    live(600);
    t.strictSame(hanging, []);
    other.hangs = true;
    live(30);
    t.strictSame(hanging, []);
    live(10);
    t.strictSame(hanging, [other]);
    live(600);
    t.strictSame(hanging, [other]);
  },
);

t.test("any word counts, and the watch begins anew", async (t) => {
  const { other, hanging, live } = setUp();
  for (let i = 0; i < 10; i += 1) {
    other.hangs = true;
    live(29);
    other.hangs = false;
    live(1);
  }
  t.strictSame(hanging, []);
});

t.test("it takes four looks at one who says nothing, however late they come", async (t) => {
  const due: (() => void)[] = [];
  const clock: Clock = { now: () => Infinity, after: (_, task) => (due.push(task), () => undefined) };
  const [hand, hanging] = [new Hand(), new Set<Hand>()];
  watch({ clock, patience: 1, hands: () => [hand], onHang: (one) => hanging.add(one) });
  const looks = (n: number): void => {
    for (let i = 0; i < n; i += 1) due.pop()?.();
  };
  looks(3);
  hand.read();
  looks(3);
  t.equal(hanging.size, 0, "a primary that stood still comes to look once, and then to read");
  looks(1);
  t.equal(hanging.size, 1);
});

t.test("ended, it looks no more", async (t) => {
  const { clock, end, other, hanging, live } = setUp();
  live(15);
  other.hangs = true;
  end();
  t.equal(clock.pending, 0);
  live(600);
  t.strictSame(hanging, []);
});
