import { Agent, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { KEYS } from "./cms/keys.ts";
import { withLimits } from "./long-limits.ts";
import type { Program } from "./program.ts";
import { until } from "./until.ts";

/** Clients of a gateway that runs as a process of its own, and the settings for tests that no timeout is to end. */

export const POSTS = "/partners/2026-02/tenant-a/posts";

/** Timeouts that no test reaches, by section. */
const LONG = {
  server: {
    drainTimeout: "10m",
    keepAliveTimeout: "10m",
    idleTimeout: "10m",
    headersTimeout: "10m",
  },
  limits: { bodyPause: "10m" },
  upstream: { connectTimeout: "10m", firstByteTimeout: "10m", idleTimeout: "10m", deadline: "10m" },
  native: { firstByteTimeout: "10m", idleTimeout: "10m" },
  partners: { deadline: "10m" },
};

/** `settings` with long timeouts where they set none. */
export const patient = (settings: Record<string, unknown>): Record<string, unknown> =>
  withLimits(settings, LONG);

/** The answer to a request. */
export interface Got {
  readonly status: number;
  readonly body: string;
  /** The answer's `x-request-id`. */
  readonly id: string;
  readonly closes: boolean;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** The connection broke before the whole answer had come. */
export class Broken extends Error {
  override readonly name = "Broken";
  readonly code: string;
  /** True if no answer had come on that connection before. */
  readonly isFresh: boolean;

  constructor(code: string, isFresh: boolean) {
    super(`${code} on a ${isFresh ? "new" : "used"} connection`);
    this.code = code;
    this.isFresh = isFresh;
  }
}

/** A client with one connection, kept open; after an error it makes another. */
export class Client {
  readonly #port: number;
  readonly #agent: Agent;
  readonly #used = new WeakSet<Socket>();

  constructor({ port }: Pick<Program, "port">, { keepAlive = true }: { readonly keepAlive?: boolean } = {}) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive, maxSockets: 1 });
  }

  /** Rejects with `Broken` where the connection breaks. */
  ask(path: string, { method = "GET", headers = keyed("partnerA"), body }: Ask = {}): Promise<Got> {
    return new Promise((resolve, reject) => {
      let isFresh = true;
      const broke = (error: NodeJS.ErrnoException): void => reject(new Broken(error.code ?? "", isFresh));
      const options = { host: "127.0.0.1", port: this.#port, path, method, headers, agent: this.#agent };
      const sent = httpRequest(options, (answer) => {
        let text = "";
        isFresh = false;
        this.#used.add(answer.socket);
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.once("error", broke).once("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            body: text,
            id: String(answer.headers["x-request-id"]),
            closes: answer.headers.connection === "close",
          }),
        );
      });
      sent.once("socket", (socket) => (isFresh = !this.#used.has(socket)));
      sent.once("error", broke).end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The answers and the errors of requests under load. */
export interface Outcome {
  readonly answers: (Got & { readonly client: number })[];
  readonly errors: { readonly client: number; readonly code: string; readonly isFresh: boolean }[];
}

/**
 * Has the clients read, each on its own connection, until `work` is done. `served` waits for two more answers of every
 * client: the first may have begun before the call.
 */
export async function underLoad(
  clients: readonly Client[],
  work: (outcome: Outcome, served: () => Promise<void>) => Promise<void>,
): Promise<Outcome> {
  const outcome: Outcome = { answers: [], errors: [] };
  const state = { isOver: false };
  const served = async (): Promise<void> => {
    const from = outcome.answers.length;
    await until("two more answers of every client", () => {
      const later = outcome.answers.slice(from);
      return clients.every((_, i) => later.filter(({ client }) => client === i).length >= 2);
    });
  };
  const traffic = clients.map(async (one, client) => {
    while (!state.isOver) {
      try {
        outcome.answers.push({ ...(await one.ask(`${POSTS}?limit=1`)), client });
      } catch (error) {
        if (!(error instanceof Broken)) throw error;
        outcome.errors.push({ client, code: error.code, isFresh: error.isFresh });
      }
    }
    one.close();
  });
  await work(outcome, served).finally(() => (state.isOver = true));
  await Promise.all(traffic);
  return outcome;
}

export function keyed(key: keyof typeof KEYS): Record<string, string> {
  return { authorization: `users API-Key ${KEYS[key]}`, "content-type": "application/json" };
}

/** Waits until `/readyz` is as wanted. */
export async function untilReady(
  program: Program,
  wanted: (body: unknown, status: number) => boolean,
): Promise<void> {
  await until("/readyz to be as wanted", async () => {
    const answer = await fetch(`${program.adminUrl}/readyz`);
    const body: unknown = await answer.json();
    return wanted(body, answer.status);
  });
}
