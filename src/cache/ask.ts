import type { Config } from "../config/schema.ts";
import type { Clock } from "../core/clock.ts";
import { hasRedis, openRedis } from "./redis.ts";

/** How much longer than `redis.connectTimeout` the answer of a Redis that took the connection may take, in milliseconds. */
const GRACE_MS = 2_000;

/**
 * What keeps the configured Redis from being used, as one sentence that says what to change; `undefined` where nothing
 * does, or none is configured. Opens a connection of its own and closes it.
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

/** Of several failures in one (Sentinel, Cluster, both addresses of a name) the one that says something. */
function reasonOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return reasonOf(error.errors[0]);
  if ("lastNodeError" in error && error.lastNodeError instanceof Error) return reasonOf(error.lastNodeError);
  return error.message || String("code" in error ? error.code : error.name);
}

function advised({ url, sentinels, username }: Config["redis"], reason: string): string {
  if (/WRONGPASS|invalid password|ERR AUTH/i.test(reason))
    return `redis.password (REDIS_PASSWORD, or the one in REDIS_URL): Redis does not take ${username === undefined ? "it" : "it with redis.username"} (${reason})`;
  if (/NOAUTH/.test(reason)) return `redis.password (REDIS_PASSWORD): Redis wants one (${reason})`;
  if (/NOPERM/.test(reason))
    return `redis.username (REDIS_USERNAME): the ACL user may too little (${reason})`;
  const setting =
    url !== undefined ? "redis.url (REDIS_URL)" : sentinels.length > 0 ? "redis.sentinels" : "redis.cluster";
  return `${setting}: Redis could not be asked (${reason})`;
}
