import { setImmediate as turn } from "node:timers/promises";
import type { Dispatcher } from "undici";
import t from "tap";
import { CancellationSource } from "../../../../src/core/async/cancellation.ts";
import { BufferedRequest } from "../../../../src/http/client/buffered-request.ts";
import { handClock } from "../../../support/clock.ts";

const CONTROLLER: Dispatcher.DispatchController = {
  aborted: false,
  paused: false,
  reason: null,
  rawHeaders: [],
  rawTrailers: [],
  abort: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
};

/** A request that has been sent, and its result. */
function begin(name: string, done: string[]) {
  const signal = new CancellationSource();
  const exchange = new BufferedRequest({
    signal,
    maxAnswer: 100,
    patience: { connectTimeout: 1_000, firstByteTimeout: 1_000, idleTimeout: 1_000 },
    clock: handClock(),
    onSending: () => undefined,
    resolve: ({ body }) => done.push(`${name}: ${body.toString()}`),
    reject: (error) => done.push(`${name}: ${String(error)}`),
    onLeft: () => done.push(`${name} left`),
  });
  exchange.onRequestStart(CONTROLLER);
  const answer = (body: string): void => {
    exchange.onResponseStart(CONTROLLER, 200, {});
    exchange.onResponseData(CONTROLLER, Buffer.from(body));
    exchange.onResponseEnd();
  };
  return { signal, answer };
}

t.test("answers of one turn resolve together at its end; their connections are free at once", async (t) => {
  const done: string[] = [];
  const [a, b] = [begin("a", done), begin("b", done)];
  a.answer("one");
  await Promise.resolve();
  b.answer("two");
  t.strictSame(done, ["a left", "b left"]);
  await turn();
  t.strictSame(done, ["a left", "b left", "a: one", "b: two"]);
});

t.test("a complete answer is returned even if the request is aborted in the same turn", async (t) => {
  const done: string[] = [];
  const { signal, answer } = begin("a", done);
  answer("one");
  signal.abort(new Error("the client has gone"));
  await turn();
  t.strictSame(done, ["a left", "a: one"]);
});
