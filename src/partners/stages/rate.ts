import type { Answer } from "../../core/envelope.ts";
import type { Principal, Versioned } from "../../core/context.ts";
import { GatewayError, toGatewayError } from "../../core/errors.ts";
import type { Counted, Counter, RateBucket, RateLimit, RateOutcome } from "../../core/rate.ts";

type Limits = Readonly<Partial<Record<RateBucket, number | undefined>>>;

/** The numbers of requests that users may make. */
export interface RateSettings extends Readonly<Record<RateBucket, number>> {
  /** The window in milliseconds, a multiple of 1,000. */
  readonly window: number;
  /** Other limits by user id, and by role. */
  readonly users: Readonly<Record<string, Limits>>;
  readonly roles: Readonly<Record<string, Limits>>;
}

export interface RateDeps {
  readonly settings: RateSettings;
  readonly counter: Counter;
  readonly onCounted: (bucket: RateBucket, outcome: RateOutcome) => void;
}

const READS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Surrounds all stages after `version`. It counts the request for its key's user, over all of the user's keys
 * and tenants. A request over the limit is `key.limited` and does not count. A request that cannot be counted
 * passes. Every counted answer states the remaining requests (draft-ietf-httpapi-ratelimit-headers-10).
 */
export function createRate({ settings, counter, onCounted }: RateDeps) {
  const limitOf = limitsOf(settings);
  return async (request: Versioned, next: (request: Versioned) => Promise<Answer>): Promise<Answer> => {
    const { note, principal, method } = request;
    note.stage = "rate";
    const bucket = READS.has(method) ? "reads" : "writes";
    const rate = { limit: limitOf(principal, bucket), window: settings.window };
    const counted = await counter.count(`${bucket}:${principal.userId}`, rate);
    onCounted(bucket, counted === undefined ? "uncounted" : counted.isWithin ? "passed" : "refused");
    if (counted === undefined) return next(request);
    const headers = headersOf(bucket, rate, counted);
    if (!counted.isWithin) {
      const retry = { "retry-after": String(seconds(counted.wait)) };
      throw new GatewayError("key.limited", { headers: { ...headers, ...retry } });
    }
    try {
      const answer = await next(request);
      return { ...answer, headers: { ...answer.headers, ...headers } };
    } catch (thrown) {
      throw toGatewayError(thrown).withHeaders(headers);
    }
  };
}

/** Returns a user's own limit, else the highest limit of its roles, else the default. */
function limitsOf(settings: RateSettings): (principal: Principal, bucket: RateBucket) => number {
  const users = new Map(Object.entries(settings.users));
  const roles = new Map(Object.entries(settings.roles));
  return (principal, bucket) => {
    const own = users.get(String(principal.userId))?.[bucket];
    if (own !== undefined) return own;
    const held = principal.roles.map((role) => roles.get(role)?.[bucket]).filter((one) => one !== undefined);
    return held.length > 0 ? Math.max(...held) : settings[bucket];
  };
}

/**
 * Builds the headers of sections 3 and 4 of the draft: `q` requests in `w` seconds; `r` requests are left,
 * and more in `t` seconds.
 */
function headersOf(bucket: RateBucket, { limit, window }: RateLimit, { remaining, wait }: Counted) {
  return {
    "ratelimit-policy": `"${bucket}";q=${limit};w=${seconds(window)}`,
    ratelimit: `"${bucket}";r=${remaining};t=${seconds(wait)}`,
  };
}

/** Rounds up to whole seconds, at least 1: a client that retries a moment early would be refused again. */
function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}
