import { Cluster, Redis } from "ioredis";
import type { Config } from "../config/schema.ts";

/** One connection to Redis in any of its three forms. */
export type RedisClient = Redis | Cluster;

/**
 * Opens a connection as the configuration says: single, Sentinel or Cluster. It comes back by itself for as long as it
 * takes; meanwhile, commands fail at once, since a request that waits for Redis to return is worse off than one that
 * asks the CMS. `onError` hears what goes wrong; without a listener it would be thrown.
 */
export function openRedis(redis: Config["redis"], onError: (error: Error) => void): RedisClient {
  const client = connect(redis);
  client.on("error", onError);
  return client;
}

/** Resolves when the connection is there for the first time, or the first attempt has failed. */
export function firstContact(client: RedisClient): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ["ready", "error", "close"]) client.once(event, () => resolve());
  });
}

/** True where the configuration names a Redis at all. */
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
      // A redirection or a failover may take one more try; after that the caller goes to the CMS.
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
    // The caller has long gone on by then (see `with-timeout.ts`); this only ends what would wait for ever.
    commandTimeout: Math.max(1_000, redis.commandTimeout),
    connectTimeout: redis.connectTimeout,
    // A connection on which a command stays unanswered for so long is dead without knowing it.
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

/** Between two attempts to connect: 50 ms, doubled each time, at the most 2 s, and not all replicas at once. */
function backoff(attempt: number): number {
  return Math.min(2_000, 50 * 2 ** Math.min(attempt, 6)) + Math.random() * 100;
}

/** The parts of `host:port`, with Redis's own port as the default. */
function hostAndPort(text: string): { host: string; port: number } {
  const [, host = text, port = "6379"] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: Number(port) };
}
