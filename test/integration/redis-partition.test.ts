import tap from "tap";

import { BRIEF, startReplicas } from "../support/replicas.ts";
import { administrator, judge, KEY, purge, untilRedis, USER } from "../support/revocation.ts";
import { until } from "../support/until.ts";

// The rows of the failure table in which Redis, the connection to it or a replica answers nothing: see
// replicas.ts. A replica detects this with a delay, and so may refuse a key later than on the next request.
const replicas = await startReplicas(tap, BRIEF);
const { redis, one, two, both } = replicas;
const { line } = two;

await tap.test("Redis is paused but connected: the replicas serve, a withdrawal works later", async (t) => {
  await replicas.healthy(t);
  await redis.pause();
  await replicas.strangers(t, one, "one at the most");
  for (const replica of both) await replicas.serves(t, replica);
  await replicas.withdraw(t, "in the end");
  await redis.resume();
  // The messages and records from before the pause are still there. No replica may use them.
  await replicas.staysRefused(t);
  await replicas.recovers(t);
});

for (const how of ["cut", "blackhole"] as const) {
  await tap.test(`a partition between one replica and Redis, ${how}: a withdrawal works later`, async (t) => {
    await replicas.healthy(t);
    line[how]();
    for (const replica of both) await replicas.serves(t, replica);
    await replicas.strangers(t, two, "one at the most");
    await replicas.withdraw(t, "in the end");
    line.mend();
    await replicas.recovers(t);
  });
}

await tap.test("a replica that reconnects to Redis invalidates its cache: it missed messages", async (t) => {
  await replicas.healthy(t);
  line.cut();
  const admin = await administrator(one);
  await admin.write("PATCH", USER, { enableAPIKey: false });
  line.mend();
  await untilRedis(two, "ok");
  t.equal(await judge(two, KEY), "refused", "although most of the lookup's TTL was left");
  await replicas.recovers(t);
});

await tap.test("a replica that was suspended uses no cached lookup from before", async (t) => {
  await replicas.healthy(t);
  two.signal("SIGSTOP");
  await until("the first replica not to wait for the second", async () => {
    const answer: { peers?: unknown; complete?: unknown } = JSON.parse(
      await (await purge(one, { all: true })).text(),
    );
    return answer.peers === 0 && answer.complete === true;
  });
  const admin = await administrator(one);
  await admin.write("PATCH", USER, { enableAPIKey: false });
  two.signal("SIGCONT");
  t.equal(await judge(two, KEY), "refused");
  await replicas.recovers(t);
});
