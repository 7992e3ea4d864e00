import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, startFaultyLine } from "../support/faults.ts";
import { hold } from "../support/hold.ts";
import { KEY, purge, TOKEN, USER } from "../support/revocation.ts";
import { unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";
import { Client, clientOfEach, countOf, metricsOf, pidOf, POSTS, startTwo } from "../support/workers.ts";

// Two workers and no Redis: what one of them sees must not be news to a client of the other.
t.setTimeout(900_000);
const ROUNDS = Number(process.env["ROUNDS"] ?? 50);
const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const env = { ADMIN_TOKEN: TOKEN };
const program = await startTwo(t, line.url, { settings: unhurried(), env });
t.teardown(async () => {
  await line.close();
  await cms.close();
});
const [one, two] = await clientOfEach(t, program);
const both = [one, two];

/** 400 for a good key, 401 for one that is nobody's: of a version that does not exist, after the key was looked at. */
const judge = async (client: Client, key: string): Promise<number> =>
  (await client.ask("/partners/1999-01/x/y", { headers: { authorization: `users API-Key ${key}` } })).status;

/** The administrator's requests by one client's connection, and so by one worker. */
async function adminBy(client: Pick<Client, "ask">) {
  const json = { "content-type": "application/json" };
  const body = JSON.stringify({ email: "admin@cms.test", password: "admin-password" });
  const login = await client.ask("/api/users/login", { method: "POST", headers: json, body });
  const { token }: { token: string } = JSON.parse(login.body);
  return async (path: string, change: unknown): Promise<void> => {
    const headers = { ...json, authorization: `JWT ${token}` };
    const { status } = await client.ask(path, { method: "PATCH", headers, body: JSON.stringify(change) });
    if (status !== 200) throw new Error(`${path}: ${status}`);
  };
}

t.test(`${ROUNDS} withdrawals under concurrent lookups: the other worker survives none`, async (t) => {
  const admins = [await adminBy(one), await adminBy(two)];
  let key: string = KEY;
  const over = new AbortController();
  let lookups = 0;
  const crowd = [...(await clientOfEach(t, program)), ...(await clientOfEach(t, program))];
  const asking = crowd.map(async (client) => {
    while (!over.signal.aborted) {
      await judge(client, key);
      lookups += 1;
    }
  });
  const counts = { survived: 0, unknown: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const old = key;
    key = `key-of-round-${round}-${"x".repeat(16)}`;
    await admins[round % 2]?.(`${USER}?depth=0&select[id]=true`, { apiKey: key });
    const judged = await Promise.all([...both, ...crowd].map((client) => judge(client, old)));
    counts.survived += judged.filter((status) => status !== 401).length;
    const known = await Promise.all(both.map((client) => judge(client, key)));
    counts.unknown += known.filter((status) => status !== 400).length;
  }
  over.abort();
  await Promise.all(asking);
  t.strictSame(counts, { survived: 0, unknown: 0 });
  const counted = (labels: RegExp): Promise<number> =>
    countOf(program, "gateway_revocation_seconds_count", labels);
  await until("all withdrawals to be counted", async () => (await counted(/complete/)) >= ROUNDS);
  t.notMatch(await metricsOf(program), /gateway_revocation_seconds_count\{outcome="degraded"\}/);
  t.comment(`${ROUNDS} rounds, ${lookups} other requests meanwhile`);
});

t.test("a tenant's new slug and the end of its old one are known to the other at once", async (t) => {
  await cms.reset();
  await purge(program, { all: true });
  const admin = await adminBy(one);
  const found = async (client: Client, slug: string): Promise<number> =>
    (await client.ask(`/partners/2026-02/${slug}/posts?limit=1`)).status;
  t.equal(await found(two, "tenant-a"), 200);
  await admin("/api/tenants/1?depth=0", { slug: "renamed" });
  t.equal(await found(two, "tenant-a"), 404);
  t.equal(await found(two, "renamed"), 200);
  await admin("/api/tenants/1?depth=0", { slug: "tenant-a" });
});

t.test("a purge, of one key too, reaches both", async (t) => {
  for (const what of [{ key: KEY }, { user: 2 }, { all: true }]) {
    await cms.reset();
    await purge(program, { all: true });
    for (const client of both) t.equal(await judge(client, KEY), 400);
    await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
    for (const client of both) t.equal(await judge(client, KEY), 400, "nobody has told us");
    const answer = await purge(program, what);
    t.equal(answer.status, 200);
    t.match(await answer.json(), { complete: true });
    for (const client of both) t.equal(await judge(client, KEY), 401, JSON.stringify(what));
  }
  await cms.reset();
  await purge(program, { all: true });
});

t.test("a key that one finds to be nobody's any longer, the other forgets as well", async (t) => {
  for (const client of both) t.equal(await judge(client, KEY), 400);
  await cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } });
  t.equal(await judge(one, KEY), 400, "nobody has told us");
  t.equal((await one.ask(POSTS, { method: "POST", body: '{"title":"x"}' })).status, 401);
  // It is not waited for: the partner's answer comes first.
  await until("the other to forget the key", async () => (await judge(two, KEY)) === 401);
  for (const client of both) t.equal(await judge(client, KEY), 401);
  await cms.reset();
  await purge(program, { all: true });
});

t.test("a key withdrawn by a write that tells its progress is refused once that has ended", async (t) => {
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>();
  line.stage(({ gateway }) => {
    gateway.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n");
    void goOn
      .then(() => cms.payload.update({ collection: "users", id: 2, data: { enableAPIKey: false } }))
      .then(() => gateway.write("5\r\nended\r\n0\r\n\r\n"));
  }, /^POST \/api\/users\/import/);
  const answer = await fetch(`${program.url}/api/users/import`, { method: "POST" });
  // Its head is out, so that what was to be forgotten before that is; now they know the key anew.
  for (const client of both) t.equal(await judge(client, KEY), 400);
  go();
  t.equal(await answer.text(), "begunended");
  for (const client of both) t.equal(await judge(client, KEY), 401);
  line.stage(carries);
  await cms.reset();
  await purge(program, { all: true });
});

t.test("a client that knows of a write reads what was written, by either worker", async (t) => {
  const admin = await adminBy(one);
  const path = `${POSTS}/1`;
  const writers: Record<string, (text: string) => Promise<unknown>> = {
    "a partner": async (text) => one.ask(path, { method: "PATCH", body: JSON.stringify({ text }) }),
    "an editor": async (text) => admin("/api/posts/1", { text }),
  };
  for (const [name, write] of Object.entries(writers)) {
    for (const client of both) t.equal((await client.ask(path)).status, 200);
    const read = hold(line, /^GET \/api\/posts\?[^ ]*equals[^]*\r\nx-basker-tenant-slug/);
    // On a connection of its own to the worker of the second client, which is to join it if it may.
    const [, beside] = await clientOfEach(t, program);
    const old = beside.ask(path);
    await read.answered;
    read.letPass();
    await write(`by ${name}`);
    t.match((await two.ask(path)).body, `by ${name}`, name);
    read.release();
    t.notMatch((await old).body, `by ${name}`, "the read before it was an old one indeed");
  }
});

t.test("a worker that does not say that it has forgotten makes it a degraded invalidation", async (t) => {
  // The one time-out that is to fire.
  const settings = unhurried({ redis: { ackTimeout: "1s" } });
  const program = await startTwo(t, line.url, { settings, env });
  const [one, two] = await clientOfEach(t, program);
  t.equal(await judge(two, KEY), 400);
  const admin = await adminBy(one);
  process.kill(pidOf(program, 2), "SIGSTOP");
  await admin(`${USER}?depth=0`, { enableAPIKey: false });
  process.kill(pidOf(program, 2), "SIGCONT");
  t.equal(await judge(two, KEY), 401, "which has heard of it by the time it answers again");
  // Two if the end of the CMS's answer came later than its head.
  const degraded = (): Promise<number> => countOf(program, "gateway_revocation_seconds_count", /degraded/);
  await until("a degraded invalidation", async () => (await degraded()) > 0);
});
