import { setImmediate as tick } from "node:timers/promises";
import t from "tap";
import { Exit } from "../../../src/cli/exit.ts";
import { handClock } from "../../support/clock.ts";

/** Creates an exit with fakes, and records its actions in order. */
function startExit({ flush = () => undefined }: { readonly flush?: () => void } = {}) {
  const done: string[] = [];
  const clock = handClock();
  const exit = new Exit(
    () => {
      done.push("flush");
      flush();
    },
    { clock, exit: (code) => void done.push(`exit ${code}`) },
  );
  return { exit, clock, done };
}

t.test("it drains, flushes the log and exits, in this order", async (t) => {
  const { exit, done } = startExit();
  let finish = (): void => undefined;
  exit.drain = () => {
    done.push("drain");
    return new Promise((resolve) => (finish = resolve));
  };
  exit.leave(0);
  t.ok(exit.isLeaving);
  await tick();
  t.strictSame(done, ["drain"], "it does not exit before it has drained");
  finish();
  await tick();
  t.strictSame(done, ["drain", "flush", "exit 0"]);
});

t.test("a second call does not drain again, and the worse exit code wins in either order", async (t) => {
  for (const codes of [
    [0, 1],
    [1, 0],
  ]) {
    const { exit, done } = startExit();
    exit.drain = async () => void done.push("drain");
    for (const code of codes) exit.leave(code);
    await tick();
    t.strictSame(done, ["drain", "flush", "exit 1"], codes.join());
  }
});

t.test("a drain that fails or exceeds its limit exits with 1", async (t) => {
  const failing = startExit();
  failing.exit.drain = () => Promise.reject(new Error("staged"));
  failing.exit.leave(0);
  await tick();
  t.strictSame(failing.done, ["flush", "exit 1"]);

  const hanging = startExit();
  hanging.exit.drain = () => new Promise(() => undefined);
  hanging.exit.limit = 30_000;
  hanging.exit.leave(0);
  hanging.clock.move(30_000);
  t.strictSame(hanging.done, [], "it may take up to its limit");
  hanging.clock.move(5_000);
  t.strictSame(hanging.done, ["flush", "exit 1"]);
});

t.test("a log that cannot be written does not prevent the exit", (t) => {
  const { exit, done } = startExit({
    flush: () => {
      throw new Error("the disk is full");
    },
  });
  t.throws(() => exit.end(0), "the disk is full");
  t.strictSame(done, ["flush", "exit 0"]);
  t.end();
});
