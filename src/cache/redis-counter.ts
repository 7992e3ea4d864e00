import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Counted, Counter, RateLimit } from "../core/rate.ts";
import type { RedisBreaker } from "./redis-breaker.ts";
import type { RedisKeys } from "./redis-keys.ts";
import type { RedisClient } from "./redis.ts";
import { withTimeout } from "./with-timeout.ts";

/**
 * The sliding window as one atomic script, so that two replicas cannot both take the last request. It uses
 * Redis's clock, which all replicas share. The list holds the times of the admitted requests in milliseconds,
 * newest first. If the newest time is in the future, Redis's clock was set back: the script deletes the list,
 * because it would block the user until the clock has reached that time.
 */
const SCRIPT = `
local window, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local newest = redis.call('LINDEX', KEYS[1], 0)
if newest and tonumber(newest) > now then redis.call('DEL', KEYS[1]) end
local oldest = redis.call('LINDEX', KEYS[1], -1)
while oldest and tonumber(oldest) <= now - window do
  redis.call('RPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], -1)
end
local passed = redis.call('LLEN', KEYS[1])
local within = passed < limit
if within then
  redis.call('LPUSH', KEYS[1], now)
  redis.call('PEXPIRE', KEYS[1], window)
  passed = passed + 1
end
local edge = redis.call('LINDEX', KEYS[1], math.min(passed, limit) - 1)
return { within and 1 or 0, math.max(limit - passed, 0), edge + window - now }
`;
const SHA = createHash("sha1").update(SCRIPT).digest("hex");

export interface RedisCounterOptions {
  readonly client: RedisClient;
  readonly places: RedisKeys;
  readonly gate: RedisBreaker;
  readonly clock: Clock;
  /** The longest that a request waits for Redis, in milliseconds. */
  readonly timeout: number;
  readonly onFailed: (cause: unknown) => void;
}

/**
 * A counter in Redis for all replicas together. If Redis is not available, it counts nothing and does not
 * wait.
 */
export class RedisCounter implements Counter {
  readonly #options: RedisCounterOptions;

  constructor(options: RedisCounterOptions) {
    this.#options = options;
  }

  async count(name: string, rate: RateLimit): Promise<Counted | undefined> {
    const { gate, onFailed, timeout, clock } = this.#options;
    if (!gate.isOpen) return undefined;
    try {
      return readReply(await withTimeout(this.#run(name, rate), timeout, clock));
    } catch (cause) {
      onFailed(cause);
      // An error reply (full, read-only, a key of another type) comes at once, and facts can still be read.
      if (!isRefusal(cause)) gate.trip();
      return undefined;
    }
  }

  async #run(name: string, { limit, window }: RateLimit): Promise<unknown> {
    const { client, places } = this.#options;
    const place = places.counter(name);
    try {
      return await client.evalsha(SHA, 1, place, window, limit);
    } catch (cause) {
      // A restarted Redis, or another node, does not have the script yet.
      if (!isRefusal(cause) || !cause.message.startsWith("NOSCRIPT")) throw cause;
      return client.eval(SCRIPT, 1, place, window, limit);
    }
  }
}

function isRefusal(cause: unknown): cause is Error {
  return cause instanceof Error && cause.name === "ReplyError";
}

function readReply(reply: unknown): Counted {
  const [isWithin, remaining, wait] = Array.isArray(reply) ? reply.map(Number) : [];
  if (remaining === undefined || wait === undefined) throw new Error("not the reply of our script");
  return { isWithin: isWithin === 1, remaining, wait };
}
