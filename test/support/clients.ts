import { Agent, request as httpRequest } from "node:http";
import { isObject } from "../../src/core/json.ts";
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

/** What came back. */
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

/** A client with one connection, kept open; after an error it makes another. */
export class Client {
  readonly #program: Program;
  readonly #agent: Agent;

  constructor(program: Program, { keepAlive = true }: { readonly keepAlive?: boolean } = {}) {
    this.#program = program;
    this.#agent = new Agent({ keepAlive, maxSockets: 1 });
  }

  /** Rejects where the connection breaks. */
  ask(path: string, { method = "GET", headers = keyed("partnerA"), body }: Ask = {}): Promise<Got> {
    return new Promise((resolve, reject) => {
      const agent = this.#agent;
      const options = { host: "127.0.0.1", port: this.#program.port, path, method, headers, agent };
      const sent = httpRequest(options, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        answer.once("error", reject).once("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            body: text,
            id: String(answer.headers["x-request-id"]),
            closes: answer.headers.connection === "close",
          }),
        );
      });
      sent.once("error", reject).end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** What became of requests under load. */
export interface Outcome {
  readonly answers: Got[];
  readonly errors: { readonly client: number; readonly code: string }[];
}

/** Clients that read, each on its own connection, until `work` is done and they were told to end. */
export async function underLoad(
  clients: readonly Client[],
  work: (outcome: Outcome, more: (n: number) => Promise<void>) => Promise<void>,
): Promise<Outcome> {
  const outcome: Outcome = { answers: [], errors: [] };
  const state = { isOver: false };
  const more = async (n: number): Promise<void> => {
    const goal = outcome.answers.length + n;
    await until(`${goal} answers`, () => outcome.answers.length >= goal);
  };
  const traffic = clients.map(async (client, number) => {
    while (!state.isOver) {
      try {
        outcome.answers.push(await client.ask(`${POSTS}?limit=1`));
      } catch (error) {
        const code = isObject(error) ? String(error["code"]) : "";
        outcome.errors.push({ client: number, code });
      }
    }
    client.close();
  });
  await work(outcome, more).finally(() => (state.isOver = true));
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
