import t from "tap";
import { InFlight } from "../../../src/core/async/in-flight.ts";

t.test("idle resolves when all work has ended, with or without an error", async (t) => {
  const flights = new InFlight();
  await flights.idle();
  const one = Promise.withResolvers<void>();
  const two = Promise.withResolvers<void>();
  const first = flights.during(() => one.promise);
  const second = flights.during(() => two.promise);
  let isIdle = false;
  const idle = flights.idle().then(() => (isIdle = true));
  one.resolve();
  await first;
  t.equal(isIdle, false);
  two.reject(new Error("failed"));
  await t.rejects(second);
  await idle;
  t.equal(flights.count, 0);
});
