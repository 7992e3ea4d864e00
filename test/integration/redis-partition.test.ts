import tap from "tap";

import { Digests } from "../../src/cache/digest.ts";
import { Secret } from "../../src/core/secret.ts";
import {
  AT_ONCE,
  BOTH,
  closeAll,
  cms,
  CUT_OFF_TTL,
  healthy,
  KEY_TTL,
  line,
  one,
  recovers,
  redis,
  serves,
  strangers,
  two,
  withdraw,
} from "../support/replicas.ts";
import {
  administrator,
  judge,
  KEY,
  pause,
  purge,
  SECRET,
  sharing,
  timeUntilRefused,
  untilRedis,
  USER,
} from "../support/revocation.ts";
import { startProgram } from "../support/program.ts";

// What Redis may hold and what a replica may be cut off from: see replicas.ts.
tap.setTimeout(300_000);
tap.teardown(closeAll);

await tap.test("a poisoned record", async (t) => {
  const digests = new Digests(new Secret(SECRET), 100);
  const place = (key: string) => `{partners-gateway}:keys:${digests.name("keys", "default", key)}`;
  const disabled = place(cms.keys.disabled);
  await healthy(t);
  await judge(one, cms.keys.admin);
  const epoch = (await redis.admin.get("{partners-gateway}:epoch:keys")) ?? "";
  t.not(epoch, "");
  const ofAdmin = (await redis.admin.get(place(cms.keys.admin))) ?? "";
  t.not(ofAdmin, "");
  const text = (record: object) =>
    JSON.stringify({ schema: 3, epoch, life: 15_000, until: Date.now() + 15_000, ...record });
  const fact = { userId: 1, tenantIds: [1, 2, 3, 4], allTenants: true, roles: [] };
  const marks: unknown = JSON.parse(ofAdmin.slice(43)).value.marks;
  const value = { fact, marks };
  const sealed = (body: string) => digests.seal(disabled, body) + body;
  const poisons: Record<string, string> = {
    "somebody else's record in its place": ofAdmin,
    "no seal": text({ value }),
    "a wrong seal": "x".repeat(43) + text({ value }),
    "an older schema": sealed(text({ schema: 2, value })),
    "another epoch": sealed(text({ epoch: "older", value })),
    "past its end": sealed(text({ until: Date.now() - 1, value })),
    "no end": sealed(text({ until: undefined, value })),
    "no life": sealed(text({ life: undefined, value })),
    "a life that is over here": sealed(text({ life: 15_000 + KEY_TTL, value })),
    "fields of other types": sealed(text({ value: { marks, fact: { ...fact, tenantIds: "all" } } })),
    "learnt from another CMS": sealed(text({ value: { fact, marks: ["another"] } })),
    "learnt from nowhere": sealed(text({ value: { fact } })),
    "a sealed text that is no JSON": sealed("{"),
    nothing: "",
  };
  for (const [poison, stored] of Object.entries(poisons)) {
    await redis.admin.set(disabled, stored, "PX", 15_000);
    t.equal(await judge(two, cms.keys.disabled), "refused", poison);
    await purge(one, { key: cms.keys.disabled });
    await redis.admin.set(disabled, stored, "PX", 15_000);
    t.equal(await judge(one, cms.keys.disabled), "refused", poison);
    await purge(one, { key: cms.keys.disabled });
  }
  await redis.admin.set(disabled, sealed(text({ value })));
  t.equal(await judge(two, cms.keys.disabled), "refused", "a record without an end in Redis");
  await purge(one, { key: cms.keys.disabled });
  await redis.admin.lpush(disabled, "a list");
  t.equal(await judge(two, cms.keys.disabled), "refused", "a record of another type");
  await purge(one, { key: cms.keys.disabled });
  t.equal(
    await redis.admin.get("{partners-gateway}:epoch:keys"),
    epoch,
    "none of it has made us forget the rest",
  );
  await redis.admin.set(disabled, sealed(text({ value })), "PX", 15_000);
  t.equal(
    await judge(two, cms.keys.disabled),
    "good",
    "the same with every mark right is taken: the test tests",
  );
  await redis.admin.del("{partners-gateway}:epoch:keys");
  await redis.admin.lpush("{partners-gateway}:epoch:keys", "a list");
  await redis.admin.publish("{partners-gateway}:all", "no message");
  await redis.admin.publish("{partners-gateway}:all", '{"from":"x","seq":1,"type":"of another version"}');
  await redis.admin.publish("{partners-gateway}:all", '{"from":"x","seq":2,"type":"bye"}');
  for (const gateway of BOTH) await serves(t, gateway);
  await redis.admin.flushall();
  await recovers(t, "poisoned");
});

for (const how of ["cut", "blackhole"] as const) {
  await tap.test(`a partition between one replica and Redis: ${how}`, async (t) => {
    await healthy(t);
    line[how]();
    for (const gateway of BOTH) await serves(t, gateway);
    await strangers(t, two, `partition, ${how}`);
    await withdraw(t, `partition, ${how}`, { one: AT_ONCE, two: CUT_OFF_TTL });
    line.mend();
    await recovers(t, `partition, ${how}`);
  });
}

await tap.test(
  "a replica that comes back forgets what it knew, since it has missed what was said",
  async (t) => {
    await healthy(t);
    line.cut();
    const admin = await administrator(one);
    await admin.write("PATCH", USER, { enableAPIKey: false });
    line.mend();
    await untilRedis(two, "ok");
    t.equal(await judge(two, KEY), "refused", "though its fact had most of its life before it");
    await recovers(t, "comes back");
  },
);

await tap.test(
  "a subscription that broke off for a moment is a loss, too, whoever spoke meanwhile",
  async (t) => {
    for (let round = 0; round < 5; round += 1) {
      await healthy(t);
      await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
      await redis.admin.call("CLIENT", "KILL", "TYPE", "pubsub");
      // What a replica does that nobody has heard of yet, and whose message nobody hears.
      await redis.admin.del("{partners-gateway}:epoch:keys");
      await pause(50);
      for (const gateway of [one, two]) await untilRedis(gateway, "ok");
      for (const gateway of [one, two]) t.equal(await judge(gateway, KEY), "refused");
    }
  },
);

/** Says something in the name of a replica that does not exist. */
async function say(seq: number, type: string): Promise<void> {
  await redis.admin.publish("{partners-gateway}:all", JSON.stringify({ from: "peer", seq, type }));
}

await tap.test(
  "a gap in a peer's numbers is a lost message, and what was lost could have been anything",
  async (t) => {
    await healthy(t);
    await say(1, "beat");
    await say(2, "beat");
    await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
    t.equal(await judge(two, KEY), "good", "nobody has told us");
    await redis.admin.del("{partners-gateway}:epoch:keys"); // which the lost message's sender has done
    await say(4, "beat");
    await say(5, "bye");
    await pause(20);
    t.equal(await judge(two, KEY), "refused");
  },
);

await tap.test("a replica that was stopped and goes on trusts nothing from before", async (t) => {
  await healthy(t);
  two.signal("SIGSTOP");
  await pause(CUT_OFF_TTL + 1_600);
  const admin = await administrator(one);
  const begun = performance.now();
  await admin.write("PATCH", USER, { enableAPIKey: false });
  t.ok(performance.now() - begun < 1_000, "nobody waits for a replica that is gone");
  two.signal("SIGCONT");
  t.equal(await judge(two, KEY), "refused");
  await recovers(t, "stopped");
});

await tap.test(
  "the writing replica is cut off, or the CMS is changed in its database: the key's life",
  async (t) => {
    const brief = { cache: { keyTtl: "3s", cutOffTtl: "1s" } };
    const [writer, reader] = await Promise.all([
      startProgram(cms.url, { settings: brief, env: sharing(`redis://127.0.0.1:${line.port}`) }),
      startProgram(cms.url, { settings: brief, env: sharing(redis.url) }),
    ]);
    t.teardown(() => Promise.all([writer.stop(), reader.stop()]));
    await healthy(t);
    for (const gateway of [writer, reader]) await untilRedis(gateway, "ok");
    t.equal(await judge(reader, KEY), "good");
    line.cut();
    const admin = await administrator(writer);
    await admin.write("PATCH", USER, { enableAPIKey: false });
    t.equal(await judge(writer, KEY), "refused", "at once where it was withdrawn");
    const cut = await timeUntilRefused(t, reader, { key: KEY, ms: 3_000 });
    line.mend();
    await healthy(t);
    for (const gateway of [writer, reader]) await untilRedis(gateway, "ok");
    t.equal(await judge(reader, KEY), "good");
    // Taken over from Redis when a third of its life is over, which does not lengthen it.
    await pause(1_000);
    t.equal(await judge(writer, KEY), "good");
    const begun = performance.now();
    await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
    await timeUntilRefused(t, reader, { key: KEY, ms: 2_000 });
    await timeUntilRefused(t, writer, { key: KEY, ms: 2_000 });
    const direct = performance.now() - begun;
    t.comment(
      `of a life of 3 s: writer cut off ${cut.toFixed(0)} ms, changed directly ${direct.toFixed(0)} ms`,
    );
  },
);
