import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { inTime } from "../support/raw.ts";
import { until } from "../support/until.ts";

// The destination of the log can fill up or close. The gateway still serves requests, and SIGTERM still ends
// it.

t.setTimeout(0);

/**
 * Preloaded into the program: prints the address of each listening server to standard error, because the log
 * may be lost.
 */
const TELLS = `data:text/javascript,${encodeURIComponent(`
  import { Server } from "node:net";
  const listen = Server.prototype.listen;
  Server.prototype.listen = function (...given) {
    this.once("listening", () => {
      const { address, port } = this.address();
      process.stderr.write("listens on " + address + ":" + port + "\\n");
    });
    return listen.apply(this, given);
  };`)}`;
const [HOST, ADMIN_HOST] = ["127.0.0.1", "127.0.0.2"];

/**
 * Starts the program with its standard output at `out`. Resolves when it listens, with its standard error.
 */
async function startWith(t: Test, out: number | "pipe") {
  const child = spawn(process.execPath, ["--import", TELLS, join(import.meta.dirname, "../../src/main.ts")], {
    env: {
      PATH: process.env["PATH"],
      UPSTREAM_URL: "http://127.0.0.1:1",
      HOST,
      PORT: "0",
      ADMIN_HOST,
      ADMIN_PORT: "0",
    },
    stdio: ["ignore", out, "pipe"],
  });
  t.teardown(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const origins = await until("both servers to listen", () => {
    if (child.exitCode !== null) throw new Error(`ended: ${said}`);
    const [own, admin] = [HOST, ADMIN_HOST].map((host) => new RegExp(`on (${host}:\\d+)\n`).exec(said)?.[1]);
    return own !== undefined && admin !== undefined && { own: `http://${own}`, admin: `http://${admin}` };
  });
  return { child, origins, said: () => said };
}

type Started = Awaited<ReturnType<typeof startWith>>;

/** Sends requests for more lines than the log buffers before a write. */
async function fillLog(t: Test, origin: string): Promise<void> {
  const statuses = new Set<number>();
  for (let i = 0; i < 40; i += 1) {
    const answer = await fetch(`${origin}/partners/2026-02/acme/posts`);
    statuses.add(answer.status);
    await answer.text();
  }
  t.strictSame([...statuses], [401]);
}

async function judge(t: Test, { child, origins, said }: Started): Promise<void> {
  await fillLog(t, origins.own);
  await until("the report on standard error", () => said().includes("the log cannot be written"));
  // More lines are lost, and the last ones again at the end.
  await fillLog(t, origins.own);
  t.ok((await fetch(`${origins.admin}/livez`)).ok);
  const ended = once(child, "close");
  child.kill("SIGTERM");
  const [code]: unknown[] = await inTime(ended, () => "the end");
  t.equal(code, 0);
  t.equal(said().split("the log cannot be written").length, 2, "reported once");
}

t.test("a full disk under the log loses its lines and nothing else", async (t) => {
  const full = openSync("/dev/full", "w");
  t.teardown(() => closeSync(full));
  await judge(t, await startWith(t, full));
});

t.test("a closed reader of the log loses its lines and nothing else", async (t) => {
  const started = await startWith(t, "pipe");
  started.child.stdout?.destroy();
  await judge(t, started);
});

t.test("a reader of the log that stalls delays no request and loses no line", async (t) => {
  const { child, origins, said } = await startWith(t, "pipe");
  const ids: string[] = [];
  // Far more lines than the pipe holds.
  for (let i = 0; i < 1_200; i += 1) {
    const answer = await fetch(`${origins.own}/partners/2026-02/acme/posts`);
    ids.push(answer.headers.get("x-request-id") ?? "");
    await answer.text();
  }
  let log = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (log += text));
  await until("the last line", () => log.includes(ids.at(-1) ?? "") && log.endsWith("\n"));
  const lines = log.split("\n").slice(0, -1);
  const logged = lines
    .map((line): { requestId?: string } => JSON.parse(line))
    .map(({ requestId }) => requestId);
  t.strictSame(
    logged.filter((id) => id !== undefined),
    ids,
  );
  t.notMatch(said(), /log cannot be written/);
});
