import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Test } from "tap";
import type { Cms } from "./cms/server.ts";
import { readPosts } from "./partner.ts";
import { type Program, startProgram } from "./program.ts";
import { freePort } from "./free-port.ts";
import { runRedisServer } from "./redis.ts";
import { CACHE, UNHURRIED } from "./replicas.ts";
import { administrator, judge, KEY, purge, sharing, untilRedis, USER } from "./revocation.ts";
import { until } from "./until.ts";

/** Redis with several servers, as operators run it, without a container runtime. */

/** A `redis-server` of the test. */
export interface RedisServer {
  readonly port: number;
  readonly child: ChildProcess;
  /** A connection for the test's own use, which waits until the server is available. */
  readonly redis: Redis;
}

/** Creates a folder for the servers of a test, which is removed after it. */
export async function redisFolder(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "gateway-redis-"));
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

/** Starts a server on a port of its own; ends it with the test. */
export async function redisServer(t: Test, dir: string, args: readonly string[] = []): Promise<RedisServer> {
  const port = await freePort();
  const child = await runRedisServer(port, args, dir);
  const redis = new Redis({
    port,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    lazyConnect: true,
  });
  redis.on("error", () => undefined);
  t.teardown(() => {
    redis.disconnect();
    child.kill("SIGKILL");
  });
  return { port, child, redis };
}

/** Two gateways that share their caches. */
export interface Pair {
  readonly one: Program;
  readonly two: Program;
  /**
   * Asserts that an invalidation at one reaches the other, and every other function of replicas through
   * Redis.
   */
  readonly works: (t: Test, when: string) => Promise<void>;
  /** Starts a third gateway, which uses Redis, and stops it. */
  readonly startAnother: () => Promise<void>;
}

/** The gateways' settings of Redis. */
export interface Place {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts two gateways, which end with the test. They wait for Redis and for each other without a limit. */
export async function startGateways(t: Test, cms: Cms, { settings, env }: Place): Promise<Pair> {
  const { REDIS_URL: _, ...secrets } = sharing("");
  // Shorter than a test's timeout: messages lost during a failover are sent again.
  const patience = { connectTimeout: "1m", commandTimeout: "1m", ackTimeout: "1m" };
  const start = () =>
    startProgram(cms.url, {
      settings: {
        ...UNHURRIED,
        cache: CACHE,
        redis: { ...patience, ...settings },
        rate: { enabled: true, reads: 10_000 },
      },
      env: { ...secrets, ...env },
    });
  const [one, two] = await Promise.all([start(), start()]);
  t.teardown(() => Promise.all([one.stop(), two.stop()]));
  return {
    one,
    two,
    works: (t, when) => works(t, { cms, gateways: [one, two], when }),
    async startAnother() {
      const three = await start();
      await untilRedis(three, "ok");
      await three.stop();
    },
  };
}

/**
 * Closes the gateways' connections once both have theirs: the first replica at a Redis waits for `ackTimeout`
 * before it uses it, but not after a broken connection.
 */
export async function breakOff(redis: Redis): Promise<void> {
  await until("both connections of both gateways", async () => {
    const clients = String(await redis.call("CLIENT", "LIST"));
    return clients.split("name=partners-gateway").length - 1 === 4;
  });
  await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
}

async function works(
  t: Test,
  { cms, gateways, when }: { cms: Cms; gateways: readonly [Program, Program]; when: string },
): Promise<void> {
  const [one, two] = gateways;
  for (const gateway of gateways) await untilRedis(gateway, "ok");
  await cms.reset();
  await untilForgotten(one);
  for (const gateway of gateways) t.equal(await judge(gateway, KEY), "good", when);
  await (await administrator(one)).write("PATCH", USER, { enableAPIKey: false });
  for (const gateway of [two, one]) t.equal(await judge(gateway, KEY), "refused", when);
  await cms.reset();
  await untilForgotten(one);
  for (const gateway of gateways) t.equal(await judge(gateway, KEY), "good", when);
  await until(`${when}: requests are counted`, async () => {
    const counted = await readPosts(one, "partnerA");
    await counted.arrayBuffer();
    return /^"reads";r=\d+;t=\d+$/.test(counted.headers.get("ratelimit") ?? "");
  });
}

/** Invalidates the caches of both replicas. */
async function untilForgotten(gateway: Program): Promise<void> {
  await until("both replicas to invalidate their caches", async () => {
    const answer: { peers?: unknown; complete?: unknown } = JSON.parse(
      await (await purge(gateway, { all: true })).text(),
    );
    return answer.peers === 1 && answer.complete === true;
  });
}
