import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, startFaultyLine, type Fault } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import type { KeyName } from "../support/cms/keys.ts";
import { samplesOf } from "../support/scrape.ts";
import { unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const partners = { collections: ["posts"] };
const gateway = await startTestGateway(line.url, unhurried({ partners }));
const apart = await startTestGateway(line.url, unhurried({ partners: { ...partners, shareReads: false } }));
t.teardown(async () => {
  await gateway.stop();
  await apart.stop();
  await line.close();
  await cms.close();
});

const LIST = "/partners/2026-02/tenant-a/posts?limit=5&sort=id";

function ask(path: string, { key = "partnerA", url = gateway.url }: { key?: KeyName; url?: string } = {}) {
  return fetch(url + path, { headers: { authorization: `users API-Key ${cms.keys[key]}` } });
}

async function json<T>(response: Response): Promise<T> {
  return JSON.parse(await response.text());
}

/** Lets requests reach the CMS, and holds their answers until `release`. */
function holding(): { fault: Fault; release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    fault: ({ forward, gateway: socket }) =>
      forward((chunk) => void promise.then(() => socket.destroyed || socket.write(chunk))),
    release: resolve,
  };
}

/** Resolves when `count` requests are in flight in a gateway. Each waits for a read or has joined one. */
async function untilInFlight(count: number, of = gateway): Promise<void> {
  const now = async () => (await samplesOf(of, "gateway_load"))["of=requests"];
  await until(`${count} requests in flight`, async () => (await now()) === count);
}

/** The requests for posts that the CMS received since `from`. */
const records = (from: number) => line.asked.slice(from).filter((one) => one.includes("/api/posts"));

t.before(async () => {
  for (const url of [gateway.url, apart.url]) {
    for (const key of ["partnerA", "partnerAC"] as const)
      t.equal((await ask(LIST, { key, url })).status, 200);
  }
});

t.test("fifty equal reads at once cost one upstream request, and each has its own request id", async (t) => {
  const { fault, release } = holding();
  line.stage(fault, /\/api\/posts/);
  const from = line.asked.length;
  const logged = gateway.lines().length;
  const first = ask(LIST);
  await line.carried(from + 1);
  const all = [first, ...Array.from({ length: 49 }, () => ask(LIST))];
  await untilInFlight(50);
  line.stage(carries);
  t.equal((await ask("/partners/2026-02/tenant-a/posts?limit=1")).status, 200);
  release();
  const answers = await Promise.all(all);
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]));
  t.equal(new Set(bodies).size, 1);
  t.equal(new Set(answers.map(({ headers }) => headers.get("x-request-id"))).size, 50);
  t.equal(records(from).length, 2, "one for the fifty, one for the other read");
  const lines = gateway.lines().slice(logged);
  const shared = lines.filter(({ sharedWith }) => sharedWith !== undefined);
  t.equal(shared.length, 49);
  const own = lines.find(({ requestId }) => requestId === shared[0]?.["sharedWith"]);
  t.match(own, { stage: "answer", upstreamRequests: 1 });
  t.match(shared[0], { upstreamRequests: 0, status: 200 });
});

t.test("an equal read with another key is not shared", async (t) => {
  const { fault, release } = holding();
  line.stage(fault, /\/api\/posts/);
  const from = line.asked.length;
  const logged = gateway.lines().length;
  const both = [ask(LIST), ask(LIST, { key: "partnerAC" })];
  await line.carried(from + 2);
  release();
  for (const answer of await Promise.all(both)) t.equal(answer.status, 200);
  t.equal(records(from).length, 2);
  for (const one of gateway.lines().slice(logged)) t.equal(one["sharedWith"], undefined);
});

t.test("a read after the answer to a write returns the written state", async (t) => {
  const listed: { docs: { id: number }[] } = await json(await ask(LIST));
  const id = listed.docs[0]?.id ?? 0;
  const path = `/partners/2026-02/tenant-a/posts/${id}`;
  const writers = {
    "a partner": async (text: string) => {
      const headers = { authorization: `users API-Key ${cms.keys.partnerA}` };
      const body = JSON.stringify({ text });
      return fetch(gateway.url + path, { method: "PATCH", headers, body });
    },
    "an editor, on the native path": async (text: string) => {
      const login = await fetch(`${gateway.url}/api/users/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ email: "admin@cms.test", password: "admin-password" }),
      });
      const { token } = await json<{ token: string }>(login);
      const headers = { authorization: `JWT ${token}`, "content-type": "application/json" };
      const body = JSON.stringify({ text });
      return fetch(`${gateway.url}/api/posts/${id}`, { method: "PATCH", headers, body });
    },
  };
  for (const [name, write] of Object.entries(writers)) {
    const { fault, release } = holding();
    line.stage(fault, /^GET \/api\/posts\?[^ ]*equals[^]*\r\nx-basker-tenant-slug/);
    const from = line.answered.length;
    const old = ask(path);
    await until("the CMS's answer, which is held", () => line.answered.length > from);
    line.stage(carries);
    t.equal((await write(`by ${name}`)).status, 200, name);
    const fresh = await json<{ text: string }>(await ask(path));
    t.equal(fresh.text, `by ${name}`);
    release();
    const stale = await json<{ text: string }>(await old);
    t.not(stale.text, `by ${name}`, "the earlier read has the old state");
  }
});

t.test("with shareReads off, each read sends its own upstream request", async (t) => {
  const { fault, release } = holding();
  line.stage(fault, /\/api\/posts/);
  const from = line.asked.length;
  const all = Array.from({ length: 5 }, () => ask(LIST, { url: apart.url }));
  await line.carried(from + 5);
  release();
  for (const answer of await Promise.all(all)) t.equal(answer.status, 200);
  t.equal(records(from).length, 5);
});
