import { Agent as PlainAgent, request as plainRequest, type IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import type { Io } from "../cli/io.ts";

/** A request exactly as sent; nothing is normalised. */
export interface RawRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Alternating names and values; a name may occur twice. */
  readonly headers: readonly string[];
  readonly body?: string;
}

/** A received answer. */
export interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The parsed text; `undefined` if it is not JSON. */
  readonly json: unknown;
}

export interface WireOptions {
  /** The origin of the gateway, the only server that the proof contacts. */
  readonly origin: URL;
  readonly connections: number;
  readonly maxRequests: number;
  readonly clock: Io["clock"];
  /** Aborts when the operator stops the run. */
  readonly signal: AbortSignal;
}

/** The error that ends a run at its limit of requests or on the operator's request. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

const TIMEOUT_MS = 60_000;
/** The largest number of retries after a 429 or 503, and the longest wait before one. */
const PATIENCE: Readonly<Record<number, number>> = { 429: 10, 503: 2 };
const LONGEST_WAIT_S = 60;

/** The connections to the gateway under test. */
export class Wire {
  readonly #options: WireOptions;
  readonly #agent: PlainAgent | TlsAgent;
  /** The number of requests sent. */
  requests = 0;
  /** The number of waits after a 429 or 503. */
  waits = 0;

  constructor(options: WireOptions) {
    this.#options = options;
    const pooled = { keepAlive: true, maxSockets: options.connections };
    this.#agent = options.origin.protocol === "https:" ? new TlsAgent(pooled) : new PlainAgent(pooled);
  }

  /**
   * Sends a request and resolves with the complete answer of any status. Retries a 429 or 503 after its
   * `Retry-After`, a limited number of times. `isCleanup` requests are sent even after the run was stopped.
   */
  async send(attempt: RawRequest, isCleanup = false): Promise<Seen> {
    for (let tries = 0; ; tries += 1) {
      const { signal, maxRequests } = this.#options;
      if (!isCleanup && signal.aborted) throw new Stopped("stopped");
      if (!isCleanup && this.requests >= maxRequests)
        throw new Stopped(`stopped after ${maxRequests} requests (--max-requests)`);
      this.requests += 1;
      const seen = await this.#once(attempt);
      if (tries >= (PATIENCE[seen.status] ?? 0)) return seen;
      this.waits += 1;
      const asked = Number(seen.headers["retry-after"] ?? 1);
      await this.#sleep(Number.isFinite(asked) ? Math.min(asked, LONGEST_WAIT_S) : 1);
    }
  }

  /** Closes every connection. */
  close(): void {
    this.#agent.destroy();
  }

  #sleep(seconds: number): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(Math.max(seconds, 0.1) * 1000, resolve));
  }

  #once(attempt: RawRequest): Promise<Seen> {
    const { origin } = this.#options;
    const send = origin.protocol === "https:" ? tlsRequest : plainRequest;
    // Node sends a list of headers in this order and spelling, including repeated names.
    const headers = ["host", origin.host, ...attempt.headers];
    if (attempt.body !== undefined)
      headers.push("content-length", String(Buffer.byteLength(attempt.body, "utf8")));
    return new Promise((resolve, reject) => {
      const request = send(
        {
          agent: this.#agent,
          protocol: origin.protocol,
          hostname: origin.hostname.replace(/^\[|\]$/g, ""),
          port: origin.port,
          method: attempt.method,
          path: attempt.target,
          headers,
          timeout: TIMEOUT_MS,
        },
        (response) => void collect(response).then(resolve, reject),
      );
      request.on("timeout", () => request.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
      request.on("error", reject);
      request.end(attempt.body);
    });
  }
}

async function collect(response: IncomingMessage): Promise<Seen> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
