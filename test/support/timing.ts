import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import { KEYS } from "./cms/keys.ts";

/**
 * `npm run timing`: can a partner distinguish another tenant's record from a missing one by the time of the
 * 404? It sends pairs of a foreign and a missing id, interleaved and in random order, to a CMS and a gateway
 * in separate processes. It fails only on a clear difference: p below 0.001 and medians further apart than
 * `--effect` milliseconds.
 */

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "2000" },
    effect: { type: "string", default: "0.1" },
    shuffles: { type: "string", default: "10000" },
  },
});
const PAIRS = Number(values.pairs);
const EFFECT_MS = Number(values.effect);
const SHUFFLES = Number(values.shuffles);
const WARM_UP = 200;
const root = join(import.meta.dirname, "../..");

const cms = await started(["test/support/cms/main.ts"], {}, ({ url }) =>
  typeof url === "string" ? url : "",
);
const gateway = await started(
  ["src/main.ts"],
  {
    UPSTREAM_URL: cms.url,
    HOST: "127.0.0.1",
    PORT: "0",
    ADMIN_PORT: "0",
    LOG_LEVEL: "info",
    CONFIG_FILE: join(import.meta.dirname, "demo/config.yaml"),
  },
  ({ msg, port }) => (msg === "listening" ? `http://127.0.0.1:${String(port)}` : ""),
);
const pool = new Pool(gateway.url, { connections: 1 });
say(`${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, Node ${process.version}; ${PAIRS} pairs each`);
try {
  let isClear = false;
  for (const method of ["GET", "PATCH", "DELETE"] as const) isClear = (await compare(method)) || isClear;
  process.exitCode = isClear ? 1 : 0;
} finally {
  await pool.close();
  gateway.stop();
  cms.stop();
}

/** Measures and prints one method. Returns true if the two differ clearly. */
async function compare(method: "GET" | "PATCH" | "DELETE"): Promise<boolean> {
  const foreign: number[] = [];
  const missing: number[] = [];
  for (let n = -WARM_UP; n < PAIRS; n += 1) {
    // Posts 49 to 72 are tenant C's. Every id is requested equally often, so that no cache distinguishes the
    // two.
    const id = 49 + ((n + WARM_UP) % 24);
    const isForeignFirst = Math.random() < 0.5;
    const first = await took(method, isForeignFirst ? id : 9900 + id);
    const second = await took(method, isForeignFirst ? 9900 + id : id);
    if (n < 0) continue;
    foreign.push(isForeignFirst ? first : second);
    missing.push(isForeignFirst ? second : first);
  }
  const differences = foreign.map((ms, i) => ms - (missing[i] ?? Number.NaN));
  const p = signFlips(differences);
  const apart = quantile(foreign, 0.5) - quantile(missing, 0.5);
  const isClear = p < 0.001 && Math.abs(apart) > EFFECT_MS;
  say(`${method.padEnd(6)} foreign ${row(foreign)}`);
  say(`       missing ${row(missing)}`);
  say(
    `       medians ${apart.toFixed(3)} ms apart, p = ${p.toFixed(4)}: ${isClear ? "they differ" : "no clear difference"}`,
  );
  return isClear;
}

async function took(method: "GET" | "PATCH" | "DELETE", id: number): Promise<number> {
  const begun = performance.now();
  const answer = await pool.request({
    method,
    path: `/partners/2026-02/tenant-a/posts/${id}?depth=0`,
    headers: { authorization: `users API-Key ${KEYS.partnerA}`, "content-type": "application/json" },
    body: method === "PATCH" ? '{"title":"by A"}' : null,
  });
  await answer.body.text();
  const ms = performance.now() - begun;
  if (answer.statusCode !== 404) throw new Error(`${method} ${id} was answered ${answer.statusCode}`);
  return ms;
}

/**
 * The probability of so uneven a split if the order within a pair does not matter: the share of random swaps
 * within pairs after which the mean difference is at least as far from 0. Only the 80 % of pairs with the
 * smallest differences count, whichever their sign: a pause of the machine would otherwise outweigh a
 * thousand pairs.
 */
function signFlips(differences: readonly number[]): number {
  const kept = differences
    .toSorted((a, b) => Math.abs(a) - Math.abs(b))
    .slice(0, Math.ceil(differences.length * 0.8));
  const seen = Math.abs(kept.reduce((sum, each) => sum + each, 0));
  let asFar = 1;
  for (let n = 0; n < SHUFFLES; n += 1) {
    let sum = 0;
    for (const difference of kept) sum += Math.random() < 0.5 ? difference : -difference;
    if (Math.abs(sum) >= seen) asFar += 1;
  }
  return asFar / (SHUFFLES + 1);
}

function quantile(sample: readonly number[], q: number): number {
  const sorted = sample.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function row(sample: readonly number[]): string {
  const at = (q: number): string => quantile(sample, q).toFixed(2);
  return `median ${at(0.5)} ms, 10 % ${at(0.1)}, 25 % ${at(0.25)}, 75 % ${at(0.75)}, 90 % ${at(0.9)}, 99 % ${at(0.99)}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Starts a program; resolves when one of its lines contains its URL. */
async function started(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  urlIn: (line: Record<string, unknown>) => string,
): Promise<{ url: string; stop(): void }> {
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = urlIn(JSON.parse(line));
    if (url === "") continue;
    child.stdout.resume();
    return { url, stop: () => void child.kill("SIGTERM") };
  }
  throw new Error(`${args.join(" ")} does not start`);
}
