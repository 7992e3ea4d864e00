import type { Config } from "../config/schema.ts";
import type { Clock } from "../core/clock.ts";
import { hasRedis, openRedis } from "./redis.ts";

/**
 * The time beyond `redis.connectTimeout` for Redis to answer once it has accepted the connection, in
 * milliseconds.
 */
const GRACE_MS = 2_000;

/**
 * Checks the configured Redis. Resolves with one sentence that says which setting to change, or with
 * `undefined` if Redis answers or none is configured. Opens a separate connection and closes it.
 */
export async function askRedis(redis: Config["redis"], clock: Clock): Promise<string | undefined> {
  if (!hasRedis(redis)) return undefined;
  const reason = await new Promise<string | undefined>((resolve) => {
    const client = openRedis(redis, (error) => end(reasonOf(error)));
    const late = `no answer within ${redis.connectTimeout + GRACE_MS} ms`;
    const stop = clock.after(redis.connectTimeout + GRACE_MS, () => end(late));
    client.once("ready", () => end(undefined));
    function end(why: string | undefined): void {
      stop();
      client.disconnect();
      resolve(why);
    }
  });
  return reason === undefined ? undefined : advised(redis, reason);
}

/**
 * Returns the informative cause of an error that wraps several (Sentinel, Cluster, both addresses of a name).
 */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return reasonOf(error.errors[0]);
  if ("lastNodeError" in error && error.lastNodeError instanceof Error) return reasonOf(error.lastNodeError);
  return error.message || String("code" in error ? error.code : error.name);
}

function advised({ url, sentinels, username }: Config["redis"], reason: string): string {
  if (/WRONGPASS|invalid password|ERR AUTH/i.test(reason))
    return `redis.password (REDIS_PASSWORD, or the one in REDIS_URL): Redis rejects ${username === undefined ? "it" : "it with redis.username"} (${reason})`;
  if (/NOAUTH/.test(reason)) return `redis.password (REDIS_PASSWORD): Redis requires a password (${reason})`;
  if (/NOPERM/.test(reason))
    return `redis.username (REDIS_USERNAME): the ACL user lacks permissions (${reason})`;
  const setting =
    url !== undefined ? "redis.url (REDIS_URL)" : sentinels.length > 0 ? "redis.sentinels" : "redis.cluster";
  return `${setting}: Redis is not usable (${reason})`;
}
