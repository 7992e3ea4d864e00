import { withLimits } from "./long-limits.ts";
import { purge, type Gateway, untilRedis } from "./revocation.ts";
import type { TestRedis } from "./redis.ts";
import { until } from "./until.ts";

/** The longest time that a request waits for Redis, in milliseconds. */
export const COMMAND_TIMEOUT_MS = 300_000;

/**
 * Settings with which nothing times out on a machine of any speed, nor on a clock that a test moves by hours.
 */
const UNHURRIED = {
  redis: { connectTimeout: "2m", commandTimeout: `${COMMAND_TIMEOUT_MS}ms`, ackTimeout: "5m" },
  // A replica that was paused so long that it may have missed a message does not trust its cache.
  cache: { keyTtl: "1h", tenantTtl: "1h", absentTtl: "1h", cutOffTtl: "1ms", lookupsPerSecond: 100_000 },
  upstream: {
    connectTimeout: "100h",
    firstByteTimeout: "100h",
    idleTimeout: "100h",
    deadline: "200h",
    tenantShare: 1,
    breakerFailures: 1_000,
  },
  partners: { deadline: "300h" },
  native: { firstByteTimeout: "100h", idleTimeout: "100h" },
  limits: { bodyPause: "100h", inFlightPerKey: 1_000 },
};

/** `settings` with timeouts for a slow machine. A test of one of these timeouts sets it. */
export const unhurried = (settings: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  withLimits(settings, UNHURRIED);

/**
 * Resolves when the gateways use Redis and receive their own messages. The first replica at a Redis waits for
 * `redis.ackTimeout`, unless it has lost its connection before, so this closes the connections once.
 */
export async function untilShared(redis: TestRedis, gateways: readonly Gateway[]): Promise<void> {
  const connections = async (): Promise<number> => {
    const list = String(await redis.admin.call("CLIENT", "LIST", "TYPE", "normal"));
    return list.split("name=partners-gateway").length - 1;
  };
  await until("a connection of each gateway to Redis", async () => (await connections()) >= gateways.length);
  await redis.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  for (const gateway of gateways) await untilRedis(gateway, "ok");
}

/** Invalidates the caches of all replicas. Resolves when all `peers` others have acknowledged. */
export async function forgetAll(gateway: Gateway, peers: number): Promise<void> {
  await until(`${peers} replicas to invalidate`, async () => {
    const answer: { peers?: unknown; complete?: unknown } = JSON.parse(
      await (await purge(gateway, { all: true })).text(),
    );
    return answer.peers === peers && answer.complete === true;
  });
}
