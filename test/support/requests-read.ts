import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { IncomingMessage } from "node:http";
import { until } from "./until.ts";

/** The requests whose heads a server of this process has read, whether they have started or are queued. */
export interface RequestsRead {
  readonly requests: readonly IncomingMessage[];
  /** Resolves with the `nth` request that has been read, counted from 1. */
  nth(nth: number): Promise<IncomingMessage>;
}

/** The part of a tap test that the clean-up needs. */
interface Test {
  teardown(done: () => void): void;
}

/**
 * Watches the servers of this process that listen on `port`, by Node's own diagnostics channel for requests.
 */
export function requestsRead(t: Test, port: number): RequestsRead {
  const requests: IncomingMessage[] = [];
  const hear = (message: unknown): void => {
    if (typeof message !== "object" || message === null || !("request" in message)) return;
    const { request } = message;
    if (request instanceof IncomingMessage && request.socket.localPort === port) requests.push(request);
  };
  subscribe("http.server.request.start", hear);
  t.teardown(() => void unsubscribe("http.server.request.start", hear));
  return {
    requests,
    nth: (nth) => until(`request ${nth} to be read`, () => requests[nth - 1]),
  };
}
