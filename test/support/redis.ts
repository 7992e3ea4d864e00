import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Redis } from "ioredis";

import { freePort } from "./free-port.ts";

/** A real Redis for a test, which the test can stop. */
export interface TestRedis {
  readonly port: number;
  readonly url: string;
  /** Its origin: a container, a `redis-server` process of the test, or the one in TEST_REDIS_URL. */
  readonly kind: "container" | "process" | "url";
  /** A connection for the test's own use, which waits until Redis is available. */
  readonly admin: Redis;
  /** Ends it at once (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the data of its last snapshot, if there is one. */
  start(): Promise<void>;
  /** Stops its process with all connections open (SIGSTOP); `resume` continues it. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

/** The operations on a Redis process or container. */
interface Engine {
  readonly kind: TestRedis["kind"];
  readonly url: string;
  readonly port: number;
  kill(): Promise<void>;
  start(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

/** Child processes that must not outlive the test, however it ends. */
const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

const MISSING = `The tests need a real Redis and found none. Provide one of:
  - a container runtime that answers (Docker, Podman), with the image redis:7
  - redis-server on PATH: apt-get install redis-server, brew install redis
  - TEST_REDIS_URL: a Redis that the tests may write to (tests that stop it will fail)`;

/**
 * Starts an empty Redis: in a container if a runtime answers, else with `redis-server`, else the one in
 * `TEST_REDIS_URL`. Throws an error with installation advice if there is none. `TEST_REDIS=process` skips
 * containers. `args` are `redis-server` options, and require a container or a process.
 */
export async function startRedis(args: readonly string[] = []): Promise<TestRedis> {
  const engine = (await container(args)) ?? (await ownProcess(args)) ?? givenUrl(args) ?? fail(MISSING);
  const admin = new Redis(engine.url, {
    ...adminOptions(args),
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  });
  admin.on("error", () => undefined);
  await admin.ping();
  if (engine.kind === "url") await admin.flushdb();
  return {
    ...engine,
    admin,
    async close() {
      admin.disconnect();
      await engine.close();
    },
  };
}

/** True if the test can start a `redis-server`. */
function hasRedisServer(): boolean {
  return spawnSync("redis-server", ["--version"]).status === 0;
}

/**
 * Starts a `redis-server` process on its port; it ends with the test's process in any case. Its dump has a
 * name of its own: a replica writes one when it is filled, and the next server in that folder would load it.
 */
export function runRedisServer(port: number, args: readonly string[], dir: string): Promise<ChildProcess> {
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--dbfilename", `${port}.rdb`];
  return spawnRedis([...place, "--save", "", ...args]);
}

/** Starts one with exactly these arguments: a Sentinel has others. */
export async function spawnRedis(args: readonly string[]): Promise<ChildProcess> {
  if (!hasRedisServer()) fail("this test needs redis-server on PATH: apt-get install redis-server");
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] as const });
  children.add(child);
  child.once("exit", () => children.delete(child));
  let log = "";
  child.stdout.setEncoding("utf8");
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (text: string) => {
      if (log.length < 20_000) log += text;
      if (/Ready to accept connections|Sentinel ID is/.test(log)) resolve();
    });
    child.once("exit", () => reject(new Error(`redis-server ended:\n${log}`)));
    child.once("error", reject);
  });
  return child;
}

async function ownProcess(args: readonly string[]): Promise<Engine | undefined> {
  if (!hasRedisServer()) return undefined;
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), "gateway-redis-"));
  let child = await runRedisServer(port, args, dir);
  return {
    kind: "process",
    port,
    url: `redis://127.0.0.1:${port}`,
    async kill() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
    async start() {
      child = await runRedisServer(port, args, dir);
    },
    async pause() {
      child.kill("SIGSTOP");
    },
    async resume() {
      child.kill("SIGCONT");
    },
    async close() {
      child.kill("SIGKILL");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Starts a container by testcontainers; `undefined` if no runtime answers or it has no such image. */
async function container(args: readonly string[]): Promise<Engine | undefined> {
  if (process.env["TEST_REDIS"] === "process") return undefined;
  try {
    const { GenericContainer, getContainerRuntimeClient, Wait } = await import("testcontainers");
    const runtime = await getContainerRuntimeClient();
    const port = await freePort();
    const command = ["redis-server", "--save", "", "--protected-mode", "no", ...args];
    const started = await new GenericContainer("redis:7")
      .withExposedPorts({ container: 6379, host: port })
      .withCommand(command)
      .withWaitStrategy(Wait.forLogMessage("Ready to accept connections"))
      .start();
    const handle = runtime.container.getById(started.getId());
    return {
      kind: "container",
      port,
      url: `redis://${started.getHost()}:${port}`,
      kill: async () => void (await handle.kill()),
      start: async () => void (await handle.start()),
      pause: async () => void (await handle.pause()),
      resume: async () => void (await handle.unpause()),
      close: async () => void (await started.stop()),
    };
  } catch {
    return undefined;
  }
}

function givenUrl(args: readonly string[]): Engine | undefined {
  const url = process.env["TEST_REDIS_URL"];
  if (url === undefined || url === "") return undefined;
  if (args.length > 0) fail(`this test configures its Redis. ${MISSING}`);
  const stop = async () => fail(`this test stops its Redis. ${MISSING}`);
  const port = Number(new URL(url).port || 6379);
  return {
    kind: "url",
    url,
    port,
    kill: stop,
    start: stop,
    pause: stop,
    resume: stop,
    close: async () => {},
  };
}

/** The password in the server's options, for the test's own connection. */
function adminOptions(args: readonly string[]): { password?: string } {
  const at = args.indexOf("--requirepass");
  const password = at === -1 ? undefined : args[at + 1];
  return password === undefined ? {} : { password };
}

function fail(message: string): never {
  throw new Error(message);
}
