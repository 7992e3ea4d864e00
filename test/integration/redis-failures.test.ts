import tap from "tap";

import {
  AT_ONCE,
  BOTH,
  closeAll,
  CUT_OFF_TTL,
  healthy,
  one,
  recovers,
  redis,
  serves,
  strangers,
  withdraw,
} from "../support/replicas.ts";
import { administrator, judge, KEY, pause, untilRedis, USER } from "../support/revocation.ts";

// The failure table, row by row: see replicas.ts for what each row is held to.
tap.setTimeout(300_000);
tap.teardown(closeAll);
tap.comment(`Redis: ${redis.kind}`);

await tap.test("healthy", async (t) => {
  await healthy(t);
  await strangers(t, one, "healthy");
  await withdraw(t, "healthy", { one: AT_ONCE, two: AT_ONCE });
});

await tap.test("killed", async (t) => {
  await healthy(t);
  await redis.kill();
  for (const gateway of BOTH) await serves(t, gateway);
  await strangers(t, one, "killed");
  for (const gateway of BOTH) await untilRedis(gateway, "degraded");
  await withdraw(t, "killed", { one: AT_ONCE, two: CUT_OFF_TTL });
  await redis.start();
  await recovers(t, "killed");
});

await tap.test("paused, so that nothing is answered and nothing closed", async (t) => {
  await healthy(t);
  await redis.pause();
  await strangers(t, one, "paused");
  for (const gateway of BOTH) await serves(t, gateway);
  await withdraw(t, "paused", { one: AT_ONCE, two: CUT_OFF_TTL });
  await redis.resume();
  // What was said and stored before the pause is still there. None of it may be believed.
  for (const gateway of BOTH)
    t.equal(await judge(gateway, KEY), "refused", "not brought back by the resumed Redis");
  await recovers(t, "paused");
});

await tap.test("read-only", async (t) => {
  await healthy(t);
  await redis.admin.call("REPLICAOF", "127.0.0.1", "1");
  for (const gateway of BOTH) await serves(t, gateway);
  await strangers(t, one, "read-only");
  await withdraw(t, "read-only", { one: AT_ONCE, two: AT_ONCE });
  await redis.admin.call("REPLICAOF", "NO", "ONE");
  await recovers(t, "read-only");
});

await tap.test("out of memory", async (t) => {
  await healthy(t);
  await redis.admin.config("SET", "maxmemory", "1mb");
  for (const gateway of BOTH) await serves(t, gateway);
  await strangers(t, one, "out of memory");
  await withdraw(t, "out of memory", { one: AT_ONCE, two: AT_ONCE });
  await redis.admin.config("SET", "maxmemory", "0");
  await recovers(t, "out of memory");
});

await tap.test("wrong password", async (t) => {
  await healthy(t);
  const own = redis.admin.duplicate();
  await own.ping();
  await own.config("SET", "requirepass", "changed");
  for (const type of ["normal", "pubsub"]) await own.call("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
  for (const gateway of BOTH) await untilRedis(gateway, "degraded");
  for (const gateway of BOTH) await serves(t, gateway);
  await strangers(t, one, "wrong password");
  await withdraw(t, "wrong password", { one: AT_ONCE, two: CUT_OFF_TTL });
  await own.config("SET", "requirepass", "");
  own.disconnect();
  await recovers(t, "wrong password");
});

await tap.test("wiped", async (t) => {
  await healthy(t);
  await redis.admin.flushall();
  for (const gateway of BOTH) await serves(t, gateway);
  await strangers(t, one, "wiped");
  await withdraw(t, "wiped", { one: AT_ONCE, two: AT_ONCE });
  await recovers(t, "wiped");
});

await tap.test("restarted, with a snapshot from before a withdrawal", async (t) => {
  await healthy(t);
  await redis.admin.save();
  const admin = await administrator(one);
  await admin.write("PATCH", USER, { enableAPIKey: false });
  await redis.kill();
  await redis.start();
  const records = await redis.admin.keys("*:keys:*");
  t.ok(records.length > 0, "the old records are back, under the old epoch");
  for (let i = 0; i < 50; i += 1) {
    for (const gateway of BOTH) if ((await judge(gateway, KEY)) !== "refused") t.fail("brought back");
    await pause(20);
  }
  await recovers(t, "restarted");
  await redis.admin.call("FLUSHALL");
  await redis.admin.save();
});
