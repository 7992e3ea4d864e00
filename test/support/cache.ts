import type { Test } from "tap";
import { Cache } from "../../src/cache/cache.ts";
import { systemClock, wallTime } from "../../src/clock.ts";
import { openFacts } from "../../src/compose/remember.ts";
import type { Identity } from "../../src/core/context.ts";
import type { Clock } from "../../src/core/clock.ts";
import type { Asking } from "../../src/core/ports.ts";
import { type HandClock, handClock } from "./clock.ts";
import { configFor } from "./gateway.ts";
import { until as untilSeen } from "./until.ts";

/** What the tests' CMS says of a good key. */
export const IDENTITY: Identity = { userId: 1, tenantIds: [1], allTenants: false, roles: [] };

const ASKING: Asking = {
  requestId: "r",
  signal: new AbortController().signal,
  note: { stage: "", upstreamRequests: 0, upstreamMs: 0 },
};

export interface ReplicaOptions {
  readonly env?: Record<string, string>;
  readonly ackTimeout?: string;
  readonly commandTimeout?: string;
  /** The machine's, if the test moves none. */
  readonly clock?: Clock;
  /** Settings of the section `cache`. */
  readonly memory?: Readonly<Record<string, string>>;
  readonly wallTime?: () => number;
  readonly others?: ConstructorParameters<typeof Cache>[0]["others"];
}

/** The caches of one replica, which ends with the test, and its questions to the CMS, which the test answers. */
export function startReplica(t: Test, options: ReplicaOptions = {}) {
  const { commandTimeout = "5s", ackTimeout = "10s" } = options;
  const redis = { commandTimeout, ackTimeout };
  const config = configFor("http://127.0.0.1:1", { redis, cache: options.memory ?? {} }, options.env);
  const quiet = (): void => undefined;
  const events = { found: quiet, invalidated: quiet, redis: quiet, redisFailed: quiet, lookupRefused: quiet };
  const { others } = options;
  const cache = new Cache({
    config,
    clock: options.clock ?? systemClock,
    wallTime: options.wallTime ?? wallTime,
    events,
    others,
  });
  t.teardown(() => cache.close());
  const asked: ((identity: Identity | undefined) => void)[] = [];
  const keys = openFacts(config, cache).keys.from<string>({
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
      await until(() => asked.length > before);
      asked[before]?.(IDENTITY);
      await found;
    },
    /** Where the answer comes from: of the CMS it is not awaited. */
    async whence(key: string): Promise<string> {
      const before = asked.length;
      let via: string | undefined;
      void keys.find(key, ASKING).then((found) => (via = found.via));
      await until(() => via !== undefined || asked.length > before);
      return via ?? "the CMS is asked";
    },
  };
}

/** As `startReplica`, with time that stands still until the test moves it, so that nothing ends or expires by itself. */
export function startHandReplica(t: Test, options: Omit<ReplicaOptions, "clock" | "memory"> = {}) {
  const clock = handClock();
  const memory = { keyTtl: "1h", absentTtl: "1h" };
  // Of the clock's time, which passes fast while the test waits for Redis.
  return { clock, ...startReplica(t, { commandTimeout: "1h", ...options, clock, memory }) };
}

type HandReplica = Pick<ReturnType<typeof startHandReplica>, "cache"> & { readonly clock: HandClock };

/** A replica's beat is that long, and one that has heard itself for so long needs no time to hear of others. */
const BEAT_MS = 500;

/** Moves the clocks until each replica uses Redis, hears itself and knows all others. */
export async function untilWell(replicas: readonly HandReplica[]): Promise<void> {
  const isWell = ({ cache }: HandReplica): boolean =>
    cache.redisState?.heard === true && cache.redisState.shared;
  await untilSeen("replicas that are well", () => {
    for (const replica of replicas) if (!isWell(replica)) replica.clock.move(BEAT_MS);
    return replicas.every(isWell);
  });
  for (const { clock } of replicas) clock.move(BEAT_MS);
  for (const { cache } of replicas)
    await untilSeen("a replica that knows all others", async () => {
      const { peers, complete } = await cache.invalidate(["keys"], "purge");
      return complete && peers === replicas.length - 1;
    });
}

/** Resolves once it is so. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  await untilSeen("it to be so", what);
}
