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
  /** The error codes of the refused requests. */
  readonly refused: readonly string[];
  /** The bytes that the server has read. */
  readonly read: RequestsRead;
  /** Awaits another request on its own connection. All that the server wrote before has arrived by then. */
  readonly roundTrip: () => Promise<void>;
}

/** Requests of this method are answered at once, without `gateway`. */
const ROUND_TRIP = "OPTIONS";

/** A server that answers partner requests by `gateway` and native ones by `web`. Its limits are long. */
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
  // With the system's clock: a test with its own clock drains to the end.
  if (options.clock === undefined) t.teardown(() => server.drain(0));
  const lines = [`${ROUND_TRIP} /partners/2026-02/t/pages HTTP/1.1`, "Host: h", "Connection: close"];
  const roundTrip = async (): Promise<void> => void (await rawExchange(server.port, rawRequest(lines)));
  return { ...server, refused, read: requestsRead(t, server.port), roundTrip };
}
