import type { Test } from "tap";
import { Cache } from "../../src/cache/cache.ts";
import { systemClock, wallTime } from "../../src/app/clock.ts";
import { openNamespaces } from "../../src/app/cached-lookups.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Identity } from "../../src/core/context.ts";
import type { LookupContext } from "../../src/core/ports.ts";
import { configFor } from "./gateway.ts";
import { until } from "./until.ts";

/** What the tests' CMS says of a good key. */
export const IDENTITY: Identity = { userId: 1, tenantIds: [1], allTenants: false, roles: [] };

const ASKING: LookupContext = {
  requestId: "r",
  signal: new AbortController().signal,
  note: { stage: "", upstreamRequests: 0, upstreamMs: 0 },
};

export interface ReplicaOptions {
  readonly env?: Record<string, string>;
  readonly ackTimeout?: string;
  readonly commandTimeout?: string;
  /** The section `cache`. */
  readonly remember?: Readonly<Record<string, unknown>>;
  /** Default the machine's own. On a hand-moved one a replica sends no beats, and nothing ends, until it is moved. */
  readonly clock?: Clock;
  readonly wallTime?: () => number;
}

/** The caches of one replica, which ends with the test, and its questions to the CMS, which the test answers. */
export function startReplica(t: Test, options: ReplicaOptions = {}) {
  const { commandTimeout = "5s", ackTimeout = "10s", clock = systemClock } = options;
  const redis = { connectTimeout: "2m", commandTimeout, ackTimeout };
  const config = configFor("http://127.0.0.1:1", { redis, cache: options.remember ?? {} }, options.env);
  const quiet = (): void => undefined;
  const events = { found: quiet, invalidated: quiet, redis: quiet, redisFailed: quiet, lookupRefused: quiet };
  const cache = new Cache({
    config,
    clock,
    wallTime: options.wallTime ?? wallTime,
    events,
  });
  t.teardown(() => cache.close());
  const asked: ((identity: Identity | undefined) => void)[] = [];
  const keys = openNamespaces(config, cache).keys.from<string>({
    of: "default",
    learntFrom: ["the CMS"],
    lookup: () => new Promise((resolve) => void asked.push(resolve)),
    textOf: (key) => key,
  });
  return {
    cache,
    asked,
    find: (key: string) => keys.find(key, ASKING),
    confirm: (key: string) => keys.confirm(key, ASKING),
    /** Asks for a key of which nothing is remembered, and has the CMS know it. */
    async learn(key: string): Promise<void> {
      const before = asked.length;
      const found = keys.find(key, ASKING);
      await until("a question to the CMS", () => asked.length > before);
      asked[before]?.(IDENTITY);
      await found;
    },
    /** Where the answer comes from: of the CMS it is not awaited. */
    async whence(key: string): Promise<string> {
      const before = asked.length;
      let via: string | undefined;
      void keys.find(key, ASKING).then((found) => (via = found.via));
      await until("an answer, or a question to the CMS", () => via !== undefined || asked.length > before);
      return via ?? "the CMS is asked";
    },
  };
}
