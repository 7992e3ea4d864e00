import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { startFront, type Test } from "./front.ts";

/** A CMS that answers as told. */
async function origin(t: Test, listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, "127.0.0.1");
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

/** A proxy whose requests all have something to be done first; what was begun first ends when `release` is called. */
export async function settling(
  t: Test,
  listener: RequestListener,
  limits: { firstByteTimeoutMs?: number } = {},
) {
  const outcomes: boolean[] = [];
  const held: (() => void)[] = [];
  const release = (): void => held.shift()?.();
  const asked: string[] = [];
  const front = await startFront(t, await origin(t, listener), {
    ...limits,
    beforeAnswer: ({ method, target, rawHeaders }) => {
      asked.push(`${method} ${target} ${rawHeaders.includes("x-mark")}`);
      return (isSettled) => {
        outcomes.push(isSettled);
        return new Promise((resolve) => void held.push(resolve));
      };
    },
  });
  /** Until it was begun so often, or will not be. */
  const called = async (n: number): Promise<void> => {
    for (let i = 0; i < 500 && outcomes.length < n; i += 1) await pause(10);
  };
  return { front, outcomes, release, called, asked };
}

export const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));
/** A write. */
export const POST = [
  "POST /api/users?x=1 HTTP/1.1",
  "Host: cms",
  "x-mark: 1",
  "Content-Length: 2",
  "Connection: close",
];
