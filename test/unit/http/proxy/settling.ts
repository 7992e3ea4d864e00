import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { Clock } from "../../../../src/core/clock.ts";
import { handClock } from "../../../support/clock.ts";
import { until } from "../../../support/until.ts";
import { ask, startFront, type Test } from "./front.ts";

/** The proxy's first-byte timeout, by a clock that a test moves. */
export const FIRST_BYTE_MS = 1_000_000;
/** Longer than the proxy's wait for the end of an answer after its head. */
const SOON_MS = 1_000;
/** Requests for this path need no work, and the CMS answers them at once. */
const ROUND_TRIP = "/round-trip";

/** A CMS that answers as `listener` does. */
async function origin(t: Test, listener: RequestListener): Promise<URL> {
  const server = createServer((request, response) => {
    if (request.url === ROUND_TRIP) response.end("ok");
    else listener(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(async () => {
    server.close();
    server.closeAllConnections();
    await Promise.resolve();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return new URL(`http://127.0.0.1:${address.port}`);
}

/** A clock that the test moves and that shows whether the proxy waits for the first byte of an answer. */
function firstByteClock() {
  const hand = handClock();
  const waits = new Set<() => void>();
  let hasWaited = false;
  const clock: Clock = {
    now: () => hand.now(),
    after(ms, task) {
      const cancel = hand.after(ms, task);
      if (ms !== FIRST_BYTE_MS) return cancel;
      const end = (): void => {
        waits.delete(end);
        cancel();
      };
      hasWaited = true;
      waits.add(end);
      return end;
    },
  };
  return {
    clock,
    move: (ms: number) => hand.move(ms),
    isWaiting: () => waits.size > 0,
    hasWaited: () => hasWaited,
  };
}

/** A proxy whose requests all need work first. The work that was started first ends when `release` is called. */
export async function settling(t: Test, listener: RequestListener) {
  /** True for each request that was settled, without refused ones. */
  const outcomes: boolean[] = [];
  const refusals: boolean[] = [];
  const wholes: boolean[] = [];
  const held: (() => void)[] = [];
  const release = (): void => held.shift()?.();
  const asked: string[] = [];
  const { clock, move, isWaiting, hasWaited } = firstByteClock();
  let isReached = false;
  const hear: RequestListener = (request, response) => {
    isReached = true;
    listener(request, response);
  };
  const front = await startFront(t, await origin(t, hear), {
    clock,
    firstByteTimeoutMs: FIRST_BYTE_MS,
    beforeAnswer: ({ method, target, rawHeaders }) => {
      if (target === ROUND_TRIP) return undefined;
      asked.push(`${method} ${target} ${rawHeaders.includes("x-mark")}`);
      return (outcome, isWhole) => {
        if (outcome === "refused") {
          refusals.push(isWhole);
          return Promise.resolve();
        }
        outcomes.push(outcome === "settled");
        wholes.push(isWhole);
        return new Promise((resolve) => void held.push(resolve));
      };
    },
  });
  /** Resolves when the proxy has sent the request and waits for the CMS's first byte. */
  const waits = () => until("the wait for the CMS's first byte", isWaiting);
  /** Resolves when the head of the CMS's answer has come. */
  const headCame = () => until("the head of the answer", () => hasWaited() && !isWaiting());
  return {
    front,
    outcomes,
    refusals,
    wholes,
    release,
    asked,
    move,
    waits,
    headCame,
    /** Resolves when the request is at the CMS. */
    reached: () => until("the request at the CMS", () => isReached),
    /** Resolves after the head of the answer and the wait for its end. */
    headAlone: async () => {
      await headCame();
      move(SOON_MS);
    },
    /** Resolves when the work was started so often. */
    called: (n: number) => until(`call ${n} of what has to be done`, () => outcomes.length >= n),
    /** Awaits another request. All that the proxy wrote before has arrived by then. */
    roundTrip: async () => void (await ask(front, { path: ROUND_TRIP })),
  };
}

/** A write. */
export const POST = [
  "POST /api/users?x=1 HTTP/1.1",
  "Host: cms",
  "x-mark: 1",
  "Content-Length: 2",
  "Connection: close",
];
