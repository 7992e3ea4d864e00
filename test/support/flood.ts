import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startCms } from "./cms/server.ts";
import { addUsers } from "./many-users.ts";
import { type Program, startProgram } from "./program.ts";
import { startRedis } from "./redis.ts";
import { administrator, sharing, statusOf, untilRedis } from "./revocation.ts";

// `npm run flood`: are known keys served while a client invents keys? 300 users of a real Payload, a real
// Redis, and gateways with default settings as separate processes. Each gateway receives 100 invented keys a
// second throughout. All users read at once after an administrator's write, then at a replica started since,
// then at random for a while. FLOOD_SECONDS is the length of the last part, by default 30.

const USERS = 300;
const INVENTED_PER_SECOND = 100;
const SECONDS = Number(process.env["FLOOD_SECONDS"] ?? 30);
const LIST = "/partners/2026-02/tenant-a/posts?limit=1";

type Counts = Record<string, number>;

function count(statuses: readonly number[]): Counts {
  const counts: Counts = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

function say(what: string, statuses: readonly number[]): void {
  process.stdout.write(`${what}: ${JSON.stringify(count(statuses))}\n`);
}

/** Sends invented keys to a gateway. The returned function stops and resolves with the statuses. */
function invent(gateway: Program): () => Promise<number[]> {
  const asked: Promise<number>[] = [];
  const timer = setInterval(
    () => asked.push(statusOf(gateway, LIST, randomUUID()).catch(() => 0)),
    1_000 / INVENTED_PER_SECOND,
  );
  return () => {
    clearInterval(timer);
    return Promise.all(asked);
  };
}

const cms = await startCms({ record: false });
const redis = await startRedis();
const keys = await addUsers(cms, USERS);
// The users belong to one tenant, and its share of the connection pool is not measured here.
const settings = { upstream: { tenantShare: 1 } };
const start = (): Promise<Program> => startProgram(cms.url, { settings, env: sharing(redis.url) });
const all = (gateway: Program): Promise<number[]> =>
  Promise.all(keys.map((key) => statusOf(gateway, LIST, key)));

const one = await start();
await untilRedis(one, "ok");
for (let i = 0; i < USERS; i += 10)
  await Promise.all(keys.slice(i, i + 10).map((key) => statusOf(one, LIST, key))).then(() => sleep(250));
const stopOne = invent(one);
await sleep(2_000);
const admin = await administrator(one);
await admin.write("PATCH", "/api/users/7", { name: "changed" });
say("all users at once after an administrator's write", await all(one));
await admin.write("PATCH", "/api/users/7", { name: "changed again" });
const two = await start();
const stopTwo = invent(two);
say("all users at once at a replica that has started since another write", await all(two));
await admin.write("PATCH", "/api/users/7", { name: "changed once more" });
say("all users at once at that replica after a write through the other", await all(two));
const steady: Promise<number>[] = [];
for (let n = 0; n < SECONDS * 20; n += 1) {
  const key = keys[Math.floor(Math.random() * USERS)] ?? "";
  steady.push(statusOf(n % 2 === 0 ? one : two, LIST, key));
  await sleep(50);
}
say(`20 reads a second for ${SECONDS} s`, await Promise.all(steady));
say("invented keys", [...(await stopOne()), ...(await stopTwo())]);
await Promise.all([one.stop(), two.stop()]);
await Promise.all([cms.close(), redis.close()]);
