import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import t, { type Test } from "tap";
import { inTime } from "../support/raw.ts";
import { freePort } from "../support/redis.ts";

// Where the log goes can fill up or go away. Nobody is served worse for it, and SIGTERM ends the process as ever.

/** The program with its standard output at `out`, alive; and what it says on standard error. */
async function startWith(t: Test, out: number | "pipe") {
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, [join(import.meta.dirname, "../../src/main.ts")], {
    env: {
      PATH: process.env["PATH"],
      UPSTREAM_URL: "http://127.0.0.1:1",
      HOST: "127.0.0.1",
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
    },
    stdio: ["ignore", out, "pipe"],
  });
  t.teardown(() => void child.kill("SIGKILL"));
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const livez = `http://127.0.0.1:${adminPort}/livez`;
  const isAlive = async () => (await fetch(livez, { signal: AbortSignal.timeout(5_000) })).ok;
  while (!(await isAlive().catch(() => false))) {
    if (child.exitCode !== null) throw new Error(`ended: ${said}`);
    await pause(100);
  }
  return { child, port, isAlive, said: () => said };
}

type Started = Awaited<ReturnType<typeof startWith>>;

/** More lines than are gathered, and then a second in which what was gathered is written. */
async function judge(t: Test, { child, port, isAlive, said }: Started): Promise<void> {
  for (let i = 0; i < 40; i += 1) {
    const answer = await fetch(`http://127.0.0.1:${port}/partners/2026-02/acme/posts`, {
      signal: AbortSignal.timeout(5_000),
    });
    t.equal(answer.status, 401);
    await answer.text();
  }
  const told = async (): Promise<void> => {
    while (!said().includes("the log cannot be written")) await pause(50);
  };
  await inTime(told(), () => `a word about it in ${said()}`, 10_000);
  await pause(1_100);
  t.ok(await isAlive());
  t.equal(said().split("the log cannot be written").length, 2, "said once");
  t.equal(await endOf(child), 0);
}

async function endOf(child: ChildProcess): Promise<unknown> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const [code]: unknown[] = await inTime(ended, () => "the end", 40_000);
  return code;
}

t.test("a full disk beneath the log costs its lines and nothing else", async (t) => {
  const full = openSync("/dev/full", "w");
  t.teardown(() => closeSync(full));
  await judge(t, await startWith(t, full));
});

t.test("a reader of the log that goes away costs its lines and nothing else", async (t) => {
  const started = await startWith(t, "pipe");
  started.child.stdout?.destroy();
  await judge(t, started);
});
