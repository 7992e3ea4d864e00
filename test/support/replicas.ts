import { setTimeout as sleep } from "node:timers/promises";
import type { Test } from "tap";

import { type Cms, startCms } from "./cms/server.ts";
import { type Program, startProgram } from "./program.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import {
  administrator,
  type Gateway,
  judge,
  KEY,
  purge,
  sharing,
  statusOf,
  untilRedis,
  untilRefused,
  USER,
} from "./revocation.ts";
import { startLine, type TcpLine } from "./tcp-line.ts";
import { until } from "./until.ts";

/**
 * Two replicas, one Redis, one CMS, and the rows of the failure table as functions: in every failure of
 * Redis, partners get correct responses, only one request waits for Redis, a withdrawn key ends, and
 * everything recovers without a restart.
 */

/** A gateway as a separate process, and its line to Redis. */
export type Replica = Program & { readonly line: TcpLine };

/** Longer than any test: an entry that ends earlier did not expire. */
const FOR_EVER = "1h";

/** Timeouts that no request reaches on a slow machine. */
export const UNHURRIED = {
  upstream: { connectTimeout: "2m", firstByteTimeout: "5m", idleTimeout: "5m", deadline: "10m" },
  partners: { deadline: "15m" },
  native: { firstByteTimeout: "5m", idleTimeout: "5m" },
};

/**
 * Cached entries never expire while a replica receives the others' messages, and expire almost at once
 * otherwise. So a replica that the machine has paused also rejects a withdrawn key. Unknown keys are not
 * cached, because such an entry would hide a key that a stale record brings back.
 */
export const CACHE = {
  keyTtl: FOR_EVER,
  tenantTtl: FOR_EVER,
  absentTtl: "0ms",
  cutOffTtl: "1ms",
  lookupsPerSecond: 100_000,
};

/**
 * How long replicas wait: for Redis to answer a command, and for each other to acknowledge an invalidation.
 */
export interface Patience {
  readonly commandTimeout: string;
  readonly ackTimeout: string;
}

/**
 * For failures in which Redis answers or refuses connections: each invalidation reaches the other replica,
 * however slow that is.
 */
export const PATIENT: Patience = { commandTimeout: "5m", ackTimeout: "5m" };

/**
 * For failures in which nothing answers and the replicas continue without Redis. An invalidation may arrive
 * late.
 */
export const BRIEF: Patience = { commandTimeout: "250ms", ackTimeout: "250ms" };

const LIST = "/partners/2026-02/tenant-a/pages?limit=1";

/** How soon a replica rejects a withdrawn key: on the next request after the write's response, or later. */
export type When = "at once" | "in the end";

/** The lookups that a replica sends to Redis: one for each new key, or at most one in all. */
export type Lookups = "each" | "one at the most";

export class Replicas {
  readonly cms: Cms;
  readonly redis: TestRedis;
  readonly one: Replica;
  readonly two: Replica;
  readonly #invalidates: When;

  constructor(cms: Cms, redis: TestRedis, both: { one: Replica; two: Replica; invalidates: When }) {
    this.cms = cms;
    this.redis = redis;
    this.one = both.one;
    this.two = both.two;
    this.#invalidates = both.invalidates;
  }

  get both(): readonly [Replica, Replica] {
    return [this.one, this.two];
  }

  async close(): Promise<void> {
    if (this.redis.kind !== "url") await this.redis.resume().catch(() => undefined);
    await Promise.all(this.both.map((replica) => replica.stop()));
    await Promise.all([this.cms.close(), this.redis.close(), ...this.both.map(({ line }) => line.close())]);
  }

  /** Restores the seeded data, ready replicas and empty caches, then caches the key at both. */
  async healthy(t: Test): Promise<void> {
    for (const replica of this.both) await untilRedis(replica, "ok");
    await this.cms.reset();
    await until("both replicas to invalidate their caches", async () => {
      const answer: { peers?: unknown; complete?: unknown } = JSON.parse(
        await (await purge(this.one, { all: true })).text(),
      );
      return answer.peers === 1 && answer.complete === true;
    });
    for (const replica of this.both) t.equal(await statusOf(replica, LIST, KEY), 200);
  }

  /**
   * Sends new keys one after another, each a lookup in Redis (if the replica uses it) and then in the CMS:
   * 60, and more until the replica has twice probed Redis. Asserts how many lookups went to Redis.
   */
  async strangers(t: Test, { line, ...replica }: Replica, lookups: Lookups): Promise<void> {
    const trials = (): number => line.sent("publish") + line.opened();
    const [asked, tried] = [line.sent("mget"), trials()];
    let count = 0;
    while (count < 60 || trials() < tried + 2) {
      t.equal(await judge(replica, `stranger-${count}-${Math.random()}`), "refused");
      count += 1;
      // Without it there would be thousands of keys between two probes.
      await sleep(10);
    }
    const put = line.sent("mget") - asked;
    if (lookups === "each") t.equal(put, count, `each of ${count} lookups is sent to Redis`);
    else t.ok(put <= 1, `${put} of ${count} lookups are sent to an unresponsive Redis`);
  }

  /** Asserts that the replica serves the same key throughout, and answers other keys correctly. */
  async serves(t: Test, replica: Gateway): Promise<void> {
    t.equal(await statusOf(replica, LIST, KEY), 200, "a valid key is served");
    t.equal(await judge(replica, this.cms.keys.partnerB), "good");
    t.equal(await judge(replica, this.cms.keys.disabled), "refused");
  }

  /** Withdraws the key through the first replica, which rejects it at once. The second does so `when`. */
  async withdraw(t: Test, when: When): Promise<void> {
    const admin = await administrator(this.one);
    for (const replica of this.both) t.equal(await judge(replica, KEY), "good", "before");
    await admin.write("PATCH", USER, { enableAPIKey: false });
    if (when === "at once") t.equal(await judge(this.two, KEY), "refused", "at the other replica");
    t.equal(await judge(this.one, KEY), "refused", "at the replica that withdrew it");
    if (when === "in the end") await untilRefused(this.two, KEY);
  }

  /** Asserts that data in Redis does not restore a key that was withdrawn while Redis was down. */
  async staysRefused(t: Test): Promise<void> {
    const verdicts = async (): Promise<void> => {
      for (const replica of this.both) t.equal(await judge(replica, KEY), "refused", "not restored");
    };
    for (const replica of this.both) {
      await until("Redis to be used again", async () => {
        await verdicts();
        return (await (await fetch(`${replica.adminUrl}/readyz`)).text()).includes('"redis":"ok"');
      });
    }
    await verdicts();
  }

  /** Asserts that everything recovers without intervention. */
  async recovers(t: Test): Promise<void> {
    await this.healthy(t);
    await this.withdraw(t, this.#invalidates);
  }
}

/** Starts two replicas, which end with the test, and waits until both use Redis. */
export async function startReplicas(t: Test, patience: Patience): Promise<Replicas> {
  const [cms, redis] = [await startCms({ record: false }), await startRedis()];
  const settings = {
    ...UNHURRIED,
    cache: CACHE,
    redis: { connectTimeout: "2m", ...patience },
  };
  const start = async (): Promise<Replica> => {
    const line = await startLine(redis.port);
    const env = sharing(`redis://127.0.0.1:${line.port}`);
    return { ...(await startProgram(cms.url, { settings, env })), line };
  };
  const [one, two] = await Promise.all([start(), start()]);
  const invalidates = patience === PATIENT ? "at once" : "in the end";
  const replicas = new Replicas(cms, redis, { one, two, invalidates });
  t.teardown(() => replicas.close());
  // The first replica at a Redis waits for `ackTimeout` before it uses it, unless its connection has broken
  // before.
  for (const { line } of [one, two]) {
    await until("the connections to Redis", () => line.connections() === 2);
    line.cut();
    line.mend();
  }
  for (const replica of [one, two]) await untilRedis(replica, "ok");
  t.comment(`Redis: ${redis.kind}`);
  return replicas;
}
