import { Cluster, Redis } from "ioredis";
import type { Config } from "../config/schema.ts";

/** A connection to a single Redis, to Sentinel or to a Cluster. */
export type RedisClient = Redis | Cluster;

/**
 * Opens the configured connection: single, Sentinel or Cluster. It reconnects without a limit. Meanwhile
 * commands fail at once, because a request is served sooner by the CMS than by waiting for Redis. `onError`
 * gets connection errors; without a listener, Node would throw them.
 */
export function openRedis(redis: Config["redis"], onError: (error: Error) => void): RedisClient {
  const client = connect(redis);
  client.on("error", onError);
  return client;
}

/** Resolves when the connection is ready for the first time, or the first attempt has failed. */
export function firstContact(client: RedisClient): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ["ready", "error", "close"]) client.once(event, () => resolve());
  });
}

/** Returns true if the configuration names a Redis. */
export function hasRedis(redis: Config["redis"]): boolean {
  return redis.url !== undefined || redis.sentinels.length > 0 || redis.cluster.length > 0;
}

function connect(redis: Config["redis"]): RedisClient {
  const options = connectionOptions(redis);
  if (redis.cluster.length > 0) {
    return new Cluster(redis.cluster.map(hostAndPort), {
      redisOptions: options,
      enableOfflineQueue: false,
      clusterRetryStrategy: backoff,
      slotsRefreshTimeout: redis.connectTimeout,
      // A redirection or a failover may need one more attempt. After that the caller asks the CMS.
      maxRedirections: 2,
      retryDelayOnFailover: 20,
      retryDelayOnClusterDown: 20,
    });
  }
  const alone = { ...options, enableOfflineQueue: false, retryStrategy: backoff };
  if (redis.sentinels.length > 0) {
    const { sentinelUsername, sentinelPassword } = redis;
    return new Redis({
      ...alone,
      sentinels: redis.sentinels.map(hostAndPort),
      name: redis.master,
      sentinelRetryStrategy: backoff,
      sentinelCommandTimeout: redis.connectTimeout,
      ...(sentinelUsername !== undefined && { sentinelUsername }),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
    });
  }
  return new Redis(redis.url ?? "redis://", alone);
}

function connectionOptions(redis: Config["redis"]) {
  return {
    // The caller has its own, shorter timeout (`with-timeout.ts`). This one only ends commands without a
    // reply.
    commandTimeout: Math.max(1_000, redis.commandTimeout),
    connectTimeout: redis.connectTimeout,
    // A connection on which a command has no reply for this long is half-open.
    socketTimeout: Math.max(10_000, redis.commandTimeout),
    keepAlive: 10_000,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    connectionName: "partners-gateway",
    ...(redis.username !== undefined && { username: redis.username }),
    ...(redis.password !== undefined && { password: redis.password }),
    ...(redis.tls && { tls: {} }),
  };
}

/**
 * Returns the pause before the next connection attempt: 50 ms, doubled each time, at most 2 s, with jitter.
 */
function backoff(attempt: number): number {
  return Math.min(2_000, 50 * 2 ** Math.min(attempt, 6)) + Math.random() * 100;
}

/** Splits `host:port`; the default is Redis's port, 6379. */
function hostAndPort(text: string): { host: string; port: number } {
  const [, host = text, port = "6379"] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: Number(port) };
}
