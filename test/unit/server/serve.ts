import type { Test } from "tap";
import { systemClock } from "../../../src/app/clock.ts";
import type { Clock } from "../../../src/core/clock.ts";
import type { Incoming } from "../../../src/core/context.ts";
import type { Answer } from "../../../src/core/envelope.ts";
import type { NativeProxy } from "../../../src/http/proxy/proxy.ts";
import { startServer, type RunningServer } from "../../../src/server/server.ts";
import { rawExchange, rawRequest } from "../../support/raw.ts";
import { requestsRead, type RequestsRead } from "../../support/requests-read.ts";
import { PATIENCE_MS } from "../../support/until.ts";

/** A server in this process. */
export interface Served extends RunningServer {
  /** The codes of what it refused. */
  readonly refused: readonly string[];
  /** What it has read. */
  readonly read: RequestsRead;
  /** Another request, on a connection of its own, to its end. What the server wrote to a client before has come by then. */
  readonly roundTrip: () => Promise<void>;
}

/** Requests of this method are answered at once, and by no `gateway`. */
const ROUND_TRIP = "OPTIONS";

/** A server whose partner requests are answered by `gateway`, and native ones, if there are any, by `web`. Its limits are long. */
export async function serve(
  t: Test,
  gateway: (request: Incoming) => Promise<Answer>,
  options: { readonly clock?: Clock } & Partial<Pick<NativeProxy, "web" | "upgrade">> = {},
): Promise<Served> {
  const refused: string[] = [];
  const unused = (): never => {
    throw new Error("no native request is made here");
  };
  const native: NativeProxy = {
    web: options.web ?? unused,
    upgrade: options.upgrade ?? unused,
    close: () => Promise.resolve(),
  };
  const answering = (request: Incoming): Promise<Answer> =>
    request.method === ROUND_TRIP
      ? Promise.resolve({ status: 200, headers: {}, body: "" })
      : gateway(request);
  const ways = {
    gateway: answering,
    native,
    nativePrefixes: ["/api"],
    refusesNativeKeys: true,
    bodyPause: PATIENCE_MS,
  };
  const server = await startServer(
    {
      clock: options.clock ?? systemClock,
      ways: () => ways,
      onRefused: ({ error }) => refused.push(error.code),
      headersTimeout: PATIENCE_MS,
      keepAliveTimeout: PATIENCE_MS,
      idleTimeout: PATIENCE_MS,
      maxHeaderSize: 16_384,
      maxHeaders: 100,
      maxConnections: 100,
      maxRequestsPerConnection: 100,
    },
    { host: "127.0.0.1", port: 0, reusePort: false },
  );
  // By the machine's own clock: a test that moves one by hand drains to the end.
  if (options.clock === undefined) t.teardown(() => server.drain(0));
  const lines = [`${ROUND_TRIP} /partners/2026-02/t/pages HTTP/1.1`, "Host: h", "Connection: close"];
  const roundTrip = async (): Promise<void> => void (await rawExchange(server.port, rawRequest(lines)));
  return { ...server, refused, read: requestsRead(t, server.port), roundTrip };
}
