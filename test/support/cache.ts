import type { Test } from "tap";
import { Cache } from "../../src/cache/cache.ts";
import { systemClock, wallTime } from "../../src/app/clock.ts";
import { openNamespaces } from "../../src/app/cached-lookups.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Identity } from "../../src/core/context.ts";
import type { LookupContext } from "../../src/core/ports.ts";
import { configFor } from "./gateway.ts";
import { until } from "./until.ts";

/** The CMS's answer to a lookup of a valid key. */
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
  /**
   * Default: the machine's clock. With a hand clock, a replica sends no heartbeats and nothing expires until
   * the test moves it.
   */
  readonly clock?: Clock;
  readonly wallTime?: () => number;
}

/** Starts the caches of one replica, which ends with the test. The test answers its lookups in the CMS. */
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
    /** Looks up a key that is not cached, and answers that the CMS has it. */
    async learn(key: string): Promise<void> {
      const before = asked.length;
      const found = keys.find(key, ASKING);
      await until("a lookup in the CMS", () => asked.length > before);
      asked[before]?.(IDENTITY);
      await found;
    },
    /** Resolves with the tier that answers; does not wait for an answer of the CMS. */
    async whence(key: string): Promise<string> {
      const before = asked.length;
      let via: string | undefined;
      void keys.find(key, ASKING).then((found) => (via = found.via));
      await until("an answer, or a lookup in the CMS", () => via !== undefined || asked.length > before);
      return via ?? "the CMS is asked";
    },
  };
}
