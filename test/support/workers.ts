import { readFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import type { Test } from "tap";
import { isObject } from "../../src/core/json.ts";
import { KEYS } from "./cms/keys.ts";
import { withLimits } from "./long-limits.ts";
import { TOKEN } from "./revocation.ts";
import { startProgram, type Program, type ProgramOptions } from "./program.ts";
import { until } from "./until.ts";

/** Two workers behind one port, and clients whose connections each stay with the worker that got them. */

export const POSTS = "/partners/2026-02/tenant-a/posts";

/** Time-outs that no test runs into by itself, by section. */
const LONG = {
  server: {
    hangTimeout: "10m",
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

/** `settings` with long time-outs wherever they set none. */
export const patient = (settings: Record<string, unknown>): Record<string, unknown> =>
  withLimits(settings, LONG);

/** Starts a gateway of two workers in front of `upstream`, with `patient` settings; it ends with the test. */
export async function startTwo(t: Test, upstream: string, options: ProgramOptions = {}): Promise<Program> {
  const env = { WORKERS: "2", ...options.env };
  const program = await startProgram(upstream, {
    ...options,
    env,
    settings: patient(options.settings ?? {}),
  });
  t.teardown(async () => {
    program.signal("SIGCONT");
    program.signal("SIGKILL");
    // A worker that a test has stopped does not see that its primary has ended.
    for (const worker of [1, 2]) end(pidOf(program, worker));
    await program.ended;
  });
  return program;
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** The process of a worker, by its number: the last that took that place. */
export function pidOf(program: Program, worker: number): number {
  const line = program.lines().findLast((one) => one["msg"] === "worker serves" && one["worker"] === worker);
  return Number(line?.["pid"]);
}

/** Resolves with the process of a worker that has taken the place of `previous`, once it serves. */
export function untilReplaced(program: Program, worker: number, previous: number): Promise<number> {
  return until(`another worker ${worker}`, () => {
    const pid = pidOf(program, worker);
    return pid !== previous && pid;
  });
}

/** Stops a process by SIGSTOP; resolves when the system shows it as stopped. */
export async function halt(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  // The third field of proc(5)'s `stat`, after the name in parentheses.
  await until(`process ${pid} to stop`, () =>
    readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.startsWith("T"),
  );
}

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

/** Which worker answered a partner request, by the log. */
export async function workerOf(program: Program, id: string): Promise<number> {
  const line = await until(`the log's line of ${id}`, () =>
    program.lines().find(({ requestId }) => requestId === id),
  );
  return Number(line["worker"]);
}

/** A client at each of the two workers, the first at the first. */
export async function clientOfEach(t: Test, program: Program): Promise<readonly [Client, Client]> {
  const found = new Map<number, Client>();
  while (found.size < 2) {
    const pair = [new Client(program), new Client(program)];
    t.teardown(() => pair.forEach((client) => client.close()));
    const at = pair.map(async (client) => workerOf(program, (await client.ask(`${POSTS}?limit=1`)).id));
    for (const [i, worker] of (await Promise.all(at)).entries())
      found.set(worker, pair[i] ?? new Client(program));
  }
  const [one, two] = [found.get(1), found.get(2)];
  if (one === undefined || two === undefined) throw new Error(`workers ${[...found.keys()].join(", ")}`);
  return [one, two];
}

/** The metrics page, with the tests' token where one is wanted. */
export async function metricsOf(program: Program): Promise<string> {
  return (
    await fetch(`${program.adminUrl}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })
  ).text();
}

/** The sum of all samples of a metric whose line matches. */
export async function countOf(program: Program, name: string, labels = /./): Promise<number> {
  const lines = (await metricsOf(program)).split("\n").filter((line) => line.startsWith(name));
  return lines
    .filter((line) => labels.test(line))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/**
 * The same, once it is at least `n`. The metrics page leaves out what a worker did not tell in time; a sum that is
 * larger than `n` is the caller's to refuse.
 */
export function untilCount(program: Program, name: string, n: number): Promise<number> {
  return until(`${name} to be ${n}`, async () => {
    const count = await countOf(program, name);
    return count >= n && count;
  });
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
