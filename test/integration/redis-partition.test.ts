import tap from "tap";

import { BRIEF, startReplicas } from "../support/replicas.ts";
import { administrator, judge, KEY, purge, untilRedis, USER } from "../support/revocation.ts";
import { until } from "../support/until.ts";

// The rows of the failure table in which Redis, or the way to it, or a replica answers nothing: see replicas.ts. A
// replica needs some time to know, so that it may refuse a key later than on the next request.
const replicas = await startReplicas(tap, BRIEF);
const { redis, one, two, both } = replicas;
const { line } = two;

await tap.test("paused, so that nothing is answered and nothing closed", async (t) => {
  await replicas.healthy(t);
  await redis.pause();
  await replicas.strangers(t, one, "one at the most");
  for (const replica of both) await replicas.serves(t, replica);
  await replicas.withdraw(t, "in the end");
  await redis.resume();
  // What was said and stored before the pause is still there. None of it may be believed.
  await replicas.staysRefused(t);
  await replicas.recovers(t);
});

for (const how of ["cut", "blackhole"] as const) {
  await tap.test(`a partition between one replica and Redis: ${how}`, async (t) => {
    await replicas.healthy(t);
    line[how]();
    for (const replica of both) await replicas.serves(t, replica);
    await replicas.strangers(t, two, "one at the most");
    await replicas.withdraw(t, "in the end");
    line.mend();
    await replicas.recovers(t);
  });
}

await tap.test("a replica that comes back forgets what it knew, since it has missed messages", async (t) => {
  await replicas.healthy(t);
  line.cut();
  const admin = await administrator(one);
  await admin.write("PATCH", USER, { enableAPIKey: false });
  line.mend();
  await untilRedis(two, "ok");
  t.equal(await judge(two, KEY), "refused", "though its fact had most of its life before it");
  await replicas.recovers(t);
});

await tap.test("a replica that was stopped and goes on trusts nothing from before", async (t) => {
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
