import tap from "tap";

import { PATIENT, startReplicas } from "../support/replicas.ts";
import { administrator, KEY, judge, untilRedis, USER } from "../support/revocation.ts";

// The rows of the failure table in which Redis answers or is known to be gone. See replicas.ts for what each
// row requires, and redis-partition.test.ts for the rows in which nothing answers.
const replicas = await startReplicas(tap, PATIENT);
const { redis, one, both } = replicas;

await tap.test("Redis is healthy: unknown keys are looked up, and a withdrawal works at once", async (t) => {
  await replicas.healthy(t);
  await replicas.strangers(t, one, "each");
  await replicas.withdraw(t, "at once");
});

await tap.test("Redis is killed: the replicas serve, and a withdrawal works at once", async (t) => {
  await replicas.healthy(t);
  await redis.kill();
  for (const replica of both) await replicas.serves(t, replica);
  await replicas.strangers(t, one, "one at the most");
  for (const replica of both) await untilRedis(replica, "degraded");
  // Each replica detects the loss, and uses its cached lookups for `cutOffTtl`, which is very short here.
  await replicas.withdraw(t, "at once");
  await redis.start();
  await replicas.recovers(t);
});

await tap.test("Redis is read-only: the replicas serve, and a withdrawal works at once", async (t) => {
  await replicas.healthy(t);
  await redis.admin.call("REPLICAOF", "127.0.0.1", "1");
  for (const replica of both) await replicas.serves(t, replica);
  await replicas.strangers(t, one, "each");
  await replicas.withdraw(t, "at once");
  await redis.admin.call("REPLICAOF", "NO", "ONE");
  await replicas.recovers(t);
});

await tap.test("Redis is out of memory: the replicas serve, and a withdrawal works at once", async (t) => {
  await replicas.healthy(t);
  await redis.admin.config("SET", "maxmemory", "1mb");
  for (const replica of both) await replicas.serves(t, replica);
  await replicas.strangers(t, one, "each");
  await replicas.withdraw(t, "at once");
  await redis.admin.config("SET", "maxmemory", "0");
  await replicas.recovers(t);
});

await tap.test("Redis refuses the password: the replicas serve, a withdrawal works at once", async (t) => {
  await replicas.healthy(t);
  const own = redis.admin.duplicate();
  await own.ping();
  await own.config("SET", "requirepass", "changed");
  for (const type of ["normal", "pubsub"]) await own.call("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
  for (const replica of both) await untilRedis(replica, "degraded");
  for (const replica of both) await replicas.serves(t, replica);
  await replicas.strangers(t, one, "one at the most");
  await replicas.withdraw(t, "at once");
  await own.config("SET", "requirepass", "");
  own.disconnect();
  await replicas.recovers(t);
});

await tap.test("Redis is flushed: the replicas serve, and a withdrawal works at once", async (t) => {
  await replicas.healthy(t);
  await redis.admin.flushall();
  for (const replica of both) await replicas.serves(t, replica);
  await replicas.strangers(t, one, "each");
  await replicas.withdraw(t, "at once");
  await replicas.recovers(t);
});

await tap.test("Redis restarts from a snapshot older than a withdrawal: the key stays refused", async (t) => {
  await replicas.healthy(t);
  await redis.admin.save();
  const admin = await administrator(one);
  await admin.write("PATCH", USER, { enableAPIKey: false });
  t.equal(await judge(one, KEY), "refused");
  await redis.kill();
  await redis.start();
  const records = await redis.admin.keys("*:keys:*");
  t.ok(records.length > 0, "the old records are back, under the old epoch");
  await replicas.staysRefused(t);
  await replicas.recovers(t);
  await redis.admin.call("FLUSHALL");
  await redis.admin.save();
});
