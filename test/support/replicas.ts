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
 * Two replicas, one Redis, one CMS, and the rows of the failure table as functions: whatever becomes of Redis, partners
 * get right answers, a request waits for Redis once and not each time, a withdrawn key ends, and all is well again
 * without a restart.
 */

/** A gateway as a process of its own, and its line to Redis. */
export type Replica = Program & { readonly line: TcpLine };

/** Longer than any test: what ends earlier was not ended by time. */
const FOR_EVER = "1h";

/** Nothing in a request runs into these on a slow machine. */
export const UNHURRIED = {
  upstream: { connectTimeout: "2m", firstByteTimeout: "5m", idleTimeout: "5m", deadline: "10m" },
  partners: { deadline: "15m" },
  native: { firstByteTimeout: "5m", idleTimeout: "5m" },
};

/**
 * Facts live for ever while a replica hears the others, and next to no time otherwise. So a replica that the machine has
 * not run for a while refuses a withdrawn key like any other. Absences are not remembered: one would hide a key that a
 * stale record brings back.
 */
export const CACHE = {
  keyTtl: FOR_EVER,
  tenantTtl: FOR_EVER,
  absentTtl: "0ms",
  cutOffTtl: "1ms",
  lookupsPerSecond: 100_000,
};

/** How long replicas wait: for Redis to answer a command, and for each other to have forgotten. */
export interface Patience {
  readonly commandTimeout: string;
  readonly ackTimeout: string;
}

/** For rows in which Redis or its absence answers: each invalidation reaches the other replica, however slow it is. */
export const PATIENT: Patience = { commandTimeout: "5m", ackTimeout: "5m" };

/** For rows in which nothing answers, and the replicas have to go on without. An invalidation may come late. */
export const BRIEF: Patience = { commandTimeout: "250ms", ackTimeout: "250ms" };

const LIST = "/partners/2026-02/tenant-a/pages?limit=1";

/** How soon a replica refuses a withdrawn key: on the next request after the write's answer, or later. */
export type When = "at once" | "in the end";

/** Requests that a replica puts to Redis: one for each key that it has not seen, or one at the most in all. */
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

  /** The seeded data, both replicas well, empty memories, and the key remembered by both. */
  async healthy(t: Test): Promise<void> {
    for (const replica of this.both) await untilRedis(replica, "ok");
    await this.cms.reset();
    await until("both replicas to have forgotten", async () => {
      const answer: { peers?: unknown; complete?: unknown } = JSON.parse(
        await (await purge(this.one, { all: true })).text(),
      );
      return answer.peers === 1 && answer.complete === true;
    });
    for (const replica of this.both) t.equal(await statusOf(replica, LIST, KEY), 200);
  }

  /**
   * New keys one after another, each a lookup in Redis, where the replica uses it, and then in the CMS: 60, and more
   * until the replica has twice tried whether Redis is well. How many has it put to Redis?
   */
  async strangers(t: Test, { line, ...replica }: Replica, lookups: Lookups): Promise<void> {
    const trials = (): number => line.sent("publish") + line.opened();
    const [asked, tried] = [line.sent("mget"), trials()];
    let count = 0;
    while (count < 60 || trials() < tried + 2) {
      t.equal(await judge(replica, `stranger-${count}-${Math.random()}`), "refused");
      count += 1;
      // So that there are not thousands of them between two trials.
      await sleep(10);
    }
    const put = line.sent("mget") - asked;
    if (lookups === "each") t.equal(put, count, `each of ${count} lookups is put to Redis`);
    else t.ok(put <= 1, `${put} of ${count} lookups are put to a Redis that does not answer`);
  }

  /** The same key served all through, and right answers for everybody else. */
  async serves(t: Test, replica: Gateway): Promise<void> {
    t.equal(await statusOf(replica, LIST, KEY), 200, "a good key is served");
    t.equal(await judge(replica, this.cms.keys.partnerB), "good");
    t.equal(await judge(replica, this.cms.keys.disabled), "refused");
  }

  /** Withdraws the key through the first replica, which refuses it at once; the second does `when`. */
  async withdraw(t: Test, when: When): Promise<void> {
    const admin = await administrator(this.one);
    for (const replica of this.both) t.equal(await judge(replica, KEY), "good", "before");
    await admin.write("PATCH", USER, { enableAPIKey: false });
    if (when === "at once") t.equal(await judge(this.two, KEY), "refused", "at the other replica");
    t.equal(await judge(this.one, KEY), "refused", "where it was withdrawn");
    if (when === "in the end") await untilRefused(this.two, KEY);
  }

  /** A key that was withdrawn while Redis was away is not brought back by what Redis still holds. */
  async staysRefused(t: Test): Promise<void> {
    const verdicts = async (): Promise<void> => {
      for (const replica of this.both) t.equal(await judge(replica, KEY), "refused", "not brought back");
    };
    for (const replica of this.both) {
      await until("Redis to be used again", async () => {
        await verdicts();
        return (await (await fetch(`${replica.adminUrl}/readyz`)).text()).includes('"redis":"ok"');
      });
    }
    await verdicts();
  }

  /** Back to normal, without anybody having done anything about it. */
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
  // The first replica at a Redis waits for `ackTimeout` before it uses it, unless its connection has broken before.
  for (const { line } of [one, two]) {
    await until("the connections to Redis", () => line.connections() === 2);
    line.cut();
    line.mend();
  }
  for (const replica of [one, two]) await untilRedis(replica, "ok");
  t.comment(`Redis: ${redis.kind}`);
  return replicas;
}
