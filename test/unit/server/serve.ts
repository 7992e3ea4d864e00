import type { Test } from "tap";
import { systemClock } from "../../../src/clock.ts";
import type { Incoming } from "../../../src/core/context.ts";
import type { Answer } from "../../../src/core/envelope.ts";
import type { NativeProxy } from "../../../src/native/proxy.ts";
import { startServer, type RunningServer } from "../../../src/server/server.ts";

/** A server in this process, and the codes of what it refused. */
export interface Served extends RunningServer {
  readonly refused: readonly string[];
}

/** A server whose partner requests are answered by `gateway`. Native ones are not made. */
export async function serve(
  t: Test,
  gateway: (request: Incoming) => Promise<Answer>,
  options: { readonly headersTimeout?: number; readonly upgrade?: NativeProxy["upgrade"] } = {},
): Promise<Served> {
  const refused: string[] = [];
  const unused = (): never => {
    throw new Error("no native request is made here");
  };
  const native: NativeProxy = {
    web: unused,
    upgrade: options.upgrade ?? unused,
    close: () => Promise.resolve(),
  };
  const ways = { gateway, native, nativePrefixes: ["/api"], refusesNativeKeys: true, bodyPause: 1_000 };
  const server = await startServer(
    {
      ways: () => ways,
      clock: systemClock,
      onRefused: ({ error }) => refused.push(error.code),
      headersTimeout: options.headersTimeout ?? 5_000,
      keepAliveTimeout: 5_000,
      idleTimeout: 60_000,
      maxHeaderSize: 16_384,
      maxHeaders: 100,
      maxConnections: 100,
      maxRequestsPerConnection: 100,
    },
    { host: "127.0.0.1", port: 0 },
  );
  t.teardown(() => server.drain(0));
  return { ...server, refused };
}
