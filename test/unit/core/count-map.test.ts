import t from "tap";
import { CountMap } from "../../../src/core/count-map.ts";

t.test("the count of a name is what it took and did not give back, and never below 0", async (t) => {
  const holdings = new CountMap();
  holdings.take("a");
  holdings.take("a");
  holdings.take("b");
  holdings.give("a");
  holdings.give("b");
  holdings.give("b");
  holdings.give("unknown");
  t.strictSame([holdings.of("a"), holdings.of("b"), holdings.of("unknown")], [1, 0, 0]);
  holdings.take("b");
  t.equal(holdings.of("b"), 1, "a surplus give does not count later");
  holdings.take("c", 5);
  holdings.give("c", 3);
  t.equal(holdings.of("c"), 2);
  holdings.give("c", 3);
  t.equal(holdings.of("c"), 0);
});

t.test("names with a count of 0 are removed, but not at once", async (t) => {
  const holdings = new CountMap();
  holdings.take("keeper");
  const pass = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) {
      holdings.take(`passer ${i}`);
      holdings.give(`passer ${i}`);
    }
  };
  pass(0, 999);
  t.equal(holdings.names, 1_000, "giving back does not remove a name at once");
  pass(999, 100_000);
  t.ok(holdings.names <= 1_000, `${holdings.names} names of a hundred thousand`);
  t.equal(holdings.of("keeper"), 1, "a name with a count is never removed");
});

t.test("with many names in use, the limit of names grows and shrinks again", async (t) => {
  const holdings = new CountMap();
  for (let i = 0; i < 5_000; i += 1) holdings.take(`${i}`);
  const held = Array.from({ length: 5_000 }, (_, i) => holdings.of(`${i}`));
  t.ok(held.every((count) => count === 1));
  t.equal(holdings.names, 5_000);
  for (let i = 0; i < 5_000; i += 1) holdings.give(`${i}`);
  for (let i = 5_000; i < 20_000; i += 1) {
    holdings.take(`${i}`);
    holdings.give(`${i}`);
  }
  t.ok(holdings.names <= 1_000, `${holdings.names}`);
});
