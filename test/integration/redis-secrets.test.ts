import tap from "tap";

import { KNOWN_MS } from "../../src/cache/cache.ts";
import { Digests } from "../../src/cache/digest.ts";
import { ALL_KINDS } from "../../src/cache/messages.ts";
import { RedisKeys } from "../../src/cache/redis-keys.ts";
import { Secret } from "../../src/core/secret.ts";
import { KEYS, USERS } from "../support/cms/keys.ts";
import { startCms } from "../support/cms/server.ts";
import { startFaultyLine } from "../support/faults.ts";
import { closeFetchConnections } from "../support/fetch-connections.ts";
import { SNAPSHOTS, snapshotOf } from "../support/heap.ts";
import {
  editorsWork,
  operatorsWork,
  partnersLimited,
  partnersRefused,
  partnersWork,
  SECRETS,
} from "../support/planted-traffic.ts";
import { found } from "../support/planted.ts";
import { startProgram } from "../support/program.ts";
import { dumpOf, type Entry, watchCommands, watchMessages } from "../support/redis-dump.ts";
import { startRedis } from "../support/redis.ts";
import { SECRET, sharing, statusOf, TOKEN } from "../support/revocation.ts";
import { unhurried, untilShared } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

/**
 * Two gateways use one Redis with every feature that writes to it, under traffic of every kind with planted
 * words. The test then searches all that Redis received, and the heap of a process, for the words. Every kind
 * of key and of message must have occurred: for a missing kind the search would prove nothing.
 */
tap.setTimeout(900_000);

const [cms, redis] = [await startCms({ record: false }), await startRedis()];
await tap.test("the search finds a word in every type and in every encoding", async (t) => {
  const { admin } = redis;
  const word = "a-word-of-the-search's-own@home";
  const writers: ((value: string) => Promise<unknown>)[] = [
    (value) => admin.set("own", value),
    (value) => admin.set(`own ${value}`, 1),
    (value) => admin.hset("own", "field", value),
    (value) => admin.hset("own", value, 1),
    (value) => admin.rpush("own", "another", value),
    (value) => admin.sadd("own", value),
    (value) => admin.zadd("own", 1, value),
    (value) => admin.xadd("own", "*", "field", value),
  ];
  const kept = [
    word,
    encodeURIComponent(word),
    ...["", "x", "xy"].flatMap((before) =>
      (["hex", "base64", "base64url"] as const).map((code) =>
        Buffer.from(`${before}${word}!`).toString(code),
      ),
    ),
  ];
  for (const write of writers)
    for (const value of kept) {
      await write(value);
      const entries = await dumpOf(admin);
      t.equal(found({ word }, textOf(entries)).length, 1, `${entries[0]?.type}: ${value}`);
      await admin.flushdb();
    }
  await admin.set("own", word.slice(1));
  t.strictSame(found({ word }, textOf(await dumpOf(admin))), [], "and no other word");
  await admin.flushdb();
});

const messages = await watchMessages(redis.admin);
const line = await startFaultyLine(() => cms.port);
const settings = unhurried({
  limits: { inFlightPerKey: 2 },
  rate: {
    enabled: true,
    window: "1h",
    reads: 1_000,
    writes: 1_000,
    users: { [USERS.partnerD.id]: { reads: 2, writes: 1 } },
  },
  upstreams: { old: { url: line.url } },
  partners: {
    versionUpstreams: { "2025-07": "old" },
    collections: ["pages", "posts", "events", "venues", "media", "files"],
  },
});
const env = sharing(redis.url);
const [one, two] = await Promise.all([
  startProgram(line.url, { settings, env }),
  startProgram(line.url, { settings, env: { ...env, ...SNAPSHOTS } }),
]);
tap.teardown(async () => {
  messages.close();
  await Promise.all([one.stop(), two.stop()]);
  await Promise.all([line.close(), cms.close(), redis.close()]);
});
await untilShared(redis, [one, two]);
// `untilShared` closes all connections except the subscribers', so the recording of commands begins after it.
const commands = await watchCommands(redis.admin);
tap.teardown(() => commands.close());

/** The planted words, and the session tokens once there are any. */
const forbidden: Record<string, string> = { ...SECRETS };
/** Secrets of the gateway that Redis must not receive. */
const OWN = { "cache secret": SECRET, "admin token": TOKEN };

await tap.test("traffic of every kind gets its expected answers", async (t) => {
  await partnersLimited(t, one, { reads: 2, writes: 1 });
  for (const [round, gateway] of [one, two].entries()) {
    await partnersWork(t, gateway);
    await partnersRefused(t, gateway, line);
    const tokens = await editorsWork(t, gateway, round);
    for (const [i, token] of tokens.entries()) {
      forbidden[`session ${round}.${i}`] = token;
      const [, claims = "", seal = ""] = token.split(".");
      forbidden[`claims of session ${round}.${i}`] = claims;
      forbidden[`seal of session ${round}.${i}`] = seal;
    }
    await operatorsWork(t, gateway, TOKEN);
  }
  // The traffic runs once more after the invalidations, so that everything is cached when it is inspected.
  await partnersLimited(t, two, { reads: 0, writes: 0 });
  for (const gateway of [one, two]) {
    await partnersWork(t, gateway);
    await partnersRefused(t, gateway, line);
  }
});

const TAG = "{partners-gateway}";
/** Every kind of Redis key, by type and name. */
const KEYS_OF_REDIS = [
  `string ${TAG}:epoch:keys`,
  `string ${TAG}:epoch:tenants`,
  `string ${TAG}:keys:<digest>`,
  `string ${TAG}:tenants:<digest>`,
  `list ${TAG}:count:reads:<user>`,
  `list ${TAG}:count:writes:<user>`,
  `list ${TAG}:count:old/reads:<user>`,
  `list ${TAG}:count:old/writes:<user>`,
];

await tap.test("Redis holds every kind of key, and none of them contains a planted word", async (t) => {
  const entries = await dumpOf(redis.admin);
  const kinds = entries.map(({ type, name }) =>
    `${type} ${name}`.replace(/:[\w-]{43}$/, ":<digest>").replace(/:\d+$/, ":<user>"),
  );
  t.strictSame([...new Set(kinds)].toSorted(), KEYS_OF_REDIS.toSorted());
  t.strictSame(
    Object.getOwnPropertyNames(RedisKeys.prototype).toSorted(),
    ["acks", "channel", "constructor", "counter", "epoch", "epochs", "record"],
    "this test covers every name in Redis",
  );
  t.strictSame(ALL_KINDS, ["keys", "tenants"], "and every kind of lookup");
  const text = textOf(entries);
  t.match(text, /"tenantIds":\[1\]/, "the search can read records of keys");
  t.match(text, /"installedApps":\["tickets"/, "and records of tenants");
  t.strictSame(found({ ...forbidden, ...OWN }, text), []);
  for (const name of await redis.admin.keys("*")) {
    const isEpoch = name.includes(":epoch:");
    const ms = await redis.admin.pttl(name);
    // The record that a key was valid outlasts the key's identity.
    const longest = 3_600_000 + (name.includes(":keys:") ? KNOWN_MS : 0);
    t.ok(isEpoch ? ms === -1 : ms > 0 && ms <= longest, `${name} has a TTL unless it is an epoch: ${ms}`);
  }
});

await tap.test("the heap of a process holds every kind of cached lookup, and no planted word", async (t) => {
  const names = new Digests(new Secret(SECRET), 100);
  const cachedNames = {
    "a good key": names.name("keys", "default", KEYS.partnerA),
    "a good key of the other CMS": names.name("keys", "old", KEYS.partnerA),
    "an unknown key": names.name("keys", "default", SECRETS["strangersKey"] ?? ""),
    "a tenant by slug": names.name("tenants", "default", `["2",[1],"slug","tenant-a"]`),
    "a tenant by id": names.name("tenants", "default", `["1","all","id",2]`),
    "an unknown tenant": names.name("tenants", "default", `["1","all","slug","${SECRETS["tenant"]}"]`),
  };
  // The data of requests is freed with their connections: the clients', and those to the CMS.
  const ports = [two.port, two.adminPort];
  t.ok((await closeFetchConnections(ports)) > 1);
  await line.refuse();
  // An answer on a new connection proves that the gateway has processed the end of the older ones.
  for (let round = 0; round < 2; round += 1) {
    await statusOf(two, "/partners", "no key at all");
    await (await fetch(`${two.adminUrl}/livez`)).arrayBuffer();
    await closeFetchConnections(ports);
  }
  const heap = await snapshotOf(two);
  for (const [what, name] of Object.entries(cachedNames)) t.ok(heap.includes(name), what);
  t.strictSame(found(forbidden, heap), []);
});

await tap.test("no message and no command that Redis received contains a planted word", async (t) => {
  await one.stop();
  const isBye = ({ text }: { text: string }): boolean => text.includes('"bye"');
  await until("its bye message", () => messages.seen.some(isBye));
  const seen = messages.seen.map(({ channel, text }) => {
    const { type = "ack" }: { type?: unknown } = JSON.parse(text);
    return `${channel.replace(/:[\da-f-]{36}$/, ":<replica>")} ${String(type)}`;
  });
  t.strictSame([...new Set(seen)].toSorted(), [
    `${TAG}:acks:<replica> ack`,
    ...["beat", "bye", "flush", "forget", "hello"].map((type) => `${TAG}:all ${type}`),
  ]);
  const said = messages.seen.map(({ channel, text }) => `${channel} ${text}`).join("\n");
  t.strictSame(found({ ...forbidden, ...OWN }, said), []);
  const verbs = new Set(commands.seen.map(([verb = ""]) => verb.toLowerCase()));
  for (const verb of ["mget", "set", "del", "publish", "evalsha", "lpush"]) t.ok(verbs.has(verb), verb);
  const written = commands.seen.map((args) => args.join(" ")).join("\n");
  t.strictSame(found({ ...forbidden, ...OWN }, written), []);
});

function textOf(entries: readonly Entry[]): string {
  return entries.map(({ text }) => text).join("\n");
}
