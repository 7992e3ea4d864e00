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
 * Two gateways on one Redis with everything switched on that writes to it, traffic of every kind with words planted in
 * it; then all that Redis ever got and all that a process remembers is searched for the words. Every kind of key and of
 * message has to have been there: of one that was not, the search would say nothing.
 */
tap.setTimeout(900_000);

const [cms, redis] = [await startCms({ record: false }), await startRedis()];
await tap.test("the search finds a word in every type and in every form", async (t) => {
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
  t.strictSame(found({ word }, textOf(await dumpOf(admin))), [], "and nothing else");
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
// That ends all connections but those of subscribers.
const commands = await watchCommands(redis.admin);
tap.teardown(() => commands.close());

/** The words, and the sessions once there are any. */
const forbidden: Record<string, string> = { ...SECRETS };
/** What a gateway knows and Redis may not. */
const OWN = { "cache secret": SECRET, "admin token": TOKEN };

await tap.test("traffic of every kind", async (t) => {
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
  // Once more after all of it was forgotten, so that everything is remembered when it is looked at.
  await partnersLimited(t, two, { reads: 0, writes: 0 });
  for (const gateway of [one, two]) {
    await partnersWork(t, gateway);
    await partnersRefused(t, gateway, line);
  }
});

const TAG = "{partners-gateway}";
/** Every kind of key there is, by type and name. */
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

await tap.test("Redis holds every kind of key, and no planted word in any of them", async (t) => {
  const entries = await dumpOf(redis.admin);
  const kinds = entries.map(({ type, name }) =>
    `${type} ${name}`.replace(/:[\w-]{43}$/, ":<digest>").replace(/:\d+$/, ":<user>"),
  );
  t.strictSame([...new Set(kinds)].toSorted(), KEYS_OF_REDIS.toSorted());
  t.strictSame(
    Object.getOwnPropertyNames(RedisKeys.prototype).toSorted(),
    ["acks", "channel", "constructor", "counter", "epoch", "epochs", "record"],
    "there is no name in Redis that this test does not know of",
  );
  t.strictSame(ALL_KINDS, ["keys", "tenants"], "nor a kind of fact");
  const text = textOf(entries);
  t.match(text, /"tenantIds":\[1\]/, "records of keys can be read, and so can");
  t.match(text, /"installedApps":\["tickets"/, "records of tenants");
  t.strictSame(found({ ...forbidden, ...OWN }, text), []);
  for (const name of await redis.admin.keys("*")) {
    const isEpoch = name.includes(":epoch:");
    const ms = await redis.admin.pttl(name);
    // That a key was good once is told for longer than who it belongs to.
    const longest = 3_600_000 + (name.includes(":keys:") ? KNOWN_MS : 0);
    t.ok(isEpoch ? ms === -1 : ms > 0 && ms <= longest, `${name} ends by itself but for an epoch: ${ms}`);
  }
});

await tap.test("the memory of a process holds every kind of fact, and no planted word", async (t) => {
  const names = new Digests(new Secret(SECRET), 100);
  const remembered = {
    "a good key": names.name("keys", "default", KEYS.partnerA),
    "a good key of the other CMS": names.name("keys", "old", KEYS.partnerA),
    "a key of nobody": names.name("keys", "default", SECRETS["strangersKey"] ?? ""),
    "a tenant by slug": names.name("tenants", "default", `["2",[1],"slug","tenant-a"]`),
    "a tenant by id": names.name("tenants", "default", `["1","all","id",2]`),
    "a tenant of nobody": names.name("tenants", "default", `["1","all","slug","${SECRETS["tenant"]}"]`),
  };
  // What requests have left behind goes with their connections: those of the clients, and those to the CMS.
  const ports = [two.port, two.adminPort];
  t.ok((await closeFetchConnections(ports)) > 1);
  await line.refuse();
  // The gateway has seen the ends of the others when it has answered on new connections, and seen the ends of these.
  for (let round = 0; round < 2; round += 1) {
    await statusOf(two, "/partners", "no key at all");
    await (await fetch(`${two.adminUrl}/livez`)).arrayBuffer();
    await closeFetchConnections(ports);
  }
  const heap = await snapshotOf(two);
  for (const [what, name] of Object.entries(remembered)) t.ok(heap.includes(name), what);
  t.strictSame(found(forbidden, heap), []);
});

await tap.test("no message and no command that Redis received contains a planted word", async (t) => {
  await one.stop();
  const isBye = ({ text }: { text: string }): boolean => text.includes('"bye"');
  await until("its goodbye", () => messages.seen.some(isBye));
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
