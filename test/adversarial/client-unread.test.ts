/**
 * Attack: ask for large answers on many connections, and read none of them.
 * Amplifier: an answer stays in memory until its client has taken it: a request of some hundred bytes holds megabytes.
 * Defence: the bytes of answers that are not read are bounded, for each user and in all, and not only their number. What
 * is over the bound gets a small answer; what is read, or whose client leaves, makes room at once.
 */
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import type { KeyName } from "../support/cms/keys.ts";
import { answerOf, carries, startFaultyLine } from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { rawConnect, rawRequest, type RawClient } from "../support/raw.ts";
import { unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

/** More than the kernel's buffers of one connection hold, in bytes. */
const LARGE = 12_000_000;
/** Two of them fit, and five in twice as much. */
const MOST = "30MiB";
const POSTS = "/partners/2026-02/tenant-a/posts";
const text = "x".repeat(LARGE);
// Past Payload's own limit of a text, which it looks at when it writes.
const { id } = await cms.payload.db.create({
  collection: "posts",
  data: { tenant: 1, title: "large", text },
});
const { docs } = await cms.payload.find({ collection: "posts", where: { tenant: { equals: 1 } }, limit: 1 });
const written = docs[0]?.id ?? 0;
const READ = `GET ${POSTS}/${id}`;
const WRITE = `PATCH ${POSTS}/${written}`;
/** The answer to a write: the CMS's own is small. */
const LARGE_ANSWER = answerOf("200 OK", JSON.stringify({ doc: { id: written, tenant: 1, text } }));

/** The CMS carries out each write when `go` is called; its answer is a large one. */
function stageWrites(t: Test): (() => void)[] {
  const held: (() => void)[] = [];
  t.teardown(() => line.stage(carries));
  line.stage(({ forward, gateway }) => {
    let isAnswered = false;
    const answer = (): void => {
      if (!isAnswered) gateway.write(LARGE_ANSWER);
      isAnswered = true;
    };
    held.push(() => forward(answer));
  }, /^PATCH/);
  return held;
}

async function start(t: Test, limits: Record<string, string>): Promise<TestGateway> {
  const partners = { collections: ["posts"] };
  const server = { idleTimeout: "1h" };
  const settings = { partners, limits, server, upstream: { maxAnswer: "64MiB" } };
  const gateway = await startTestGateway(line.url, unhurried(settings));
  t.teardown(() => gateway.stop());
  return gateway;
}

/** Sends a request whose answer nobody reads before `resume`. Resolves when it is on its way. */
async function send(to: TestGateway, request: string, key: KeyName = "partnerA"): Promise<RawClient> {
  const client = await rawConnect(to.port);
  client.socket.pause();
  const body = request.startsWith("GET") ? "" : '{"title":"larger"}';
  const auth = `Authorization: users API-Key ${cms.keys[key]}`;
  const length = `Content-Length: ${body.length}`;
  client.send(rawRequest([`${request} HTTP/1.1`, "Host: h", auth, length, "Connection: close"], body));
  return client;
}

/** What the log says of each request after the first `from`, when there are so many. */
async function outcomes(of: TestGateway, from: number, count: number): Promise<string[]> {
  const lines = () => of.lines().filter(({ msg }) => msg === "request");
  await until(`${count} requests to be logged`, () => lines().length >= from + count);
  return lines()
    .slice(from)
    .map(({ status, code = "" }) => `${String(status)} ${String(code)}`.trim());
}

/** The outcome of one more request. */
async function next(of: TestGateway, request: string, key?: KeyName) {
  const from = of.lines().filter(({ msg }) => msg === "request").length;
  const client = await send(of, request, key);
  const [outcome] = await outcomes(of, from, 1);
  return { client, outcome };
}

const SMALL = `GET ${POSTS}?limit=1&sort=id`;

t.test(
  "answers that a user does not read have room up to a limit, and are nobody else's affair",
  async (t) => {
    const gateway = await start(t, { unsentPerKey: MOST });
    const first = await next(gateway, READ);
    const second = await next(gateway, READ);
    t.strictSame([first.outcome, second.outcome], ["200", "200"]);
    t.equal((await next(gateway, READ)).outcome, "429 key.busy", "no room for a third");
    t.equal((await next(gateway, SMALL)).outcome, "200", "there is for a small one");
    t.equal((await next(gateway, SMALL.replace("GET", "HEAD"))).outcome, "200", "and for a head");
    const writes = stageWrites(t);
    const writing = next(gateway, WRITE);
    await until("the write at the CMS", () => writes.length === 1);
    writes[0]?.();
    t.equal((await writing).outcome, "200", "a write that was done is answered");
    line.stage(carries);
    const asked = line.asked.length;
    t.equal((await next(gateway, SMALL)).outcome, "429 key.busy", "by now nothing is begun");
    t.equal((await next(gateway, WRITE)).outcome, "429 key.busy");
    t.equal(line.asked.length, asked, "the CMS is not asked");
    t.equal((await next(gateway, READ, "partnerAC")).outcome, "200", "of another user");

    first.client.socket.resume();
    t.match((await first.client.end()).text, /\}$/, "read to its end");
    await until("room by what was read", async () => (await next(gateway, SMALL)).outcome === "200");
    t.equal((await next(gateway, READ)).outcome, "429 key.busy");
    second.client.socket.destroy();
    await until("room by who has left", async () => (await next(gateway, READ)).outcome === "200");
  },
);

t.test("what has come from the CMS counts before the answer is whole", async (t) => {
  const gateway = await start(t, { unsentPerKey: MOST });
  const half = Buffer.concat([
    Buffer.from("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99000000\r\n\r\n"),
    Buffer.from(text),
  ]);
  const taken: Promise<void>[] = [];
  line.stage(
    ({ gateway: socket }) => taken.push(new Promise((resolve) => void socket.write(half, () => resolve()))),
    /^GET \/api\/posts\?[^ ]*limit=7&/,
  );
  t.teardown(() => line.stage(carries));
  const stalled = [
    await send(gateway, `GET ${POSTS}?limit=7`),
    await send(gateway, `GET ${POSTS}?limit=7&sort=id`),
  ];
  await until("two half answers", () => taken.length === 2);
  await Promise.all(taken);
  await until("no room for another", async () => (await next(gateway, READ)).outcome === "429 key.busy");
  stalled[0]?.socket.destroy();
  await until("room by who has left", async () => (await next(gateway, READ)).outcome === "200");
});

t.test("so have all together", async (t) => {
  const gateway = await start(t, { unsent: MOST });
  for (const key of ["partnerA", "partnerAC"] as const)
    t.equal((await next(gateway, READ, key)).outcome, "200");
  t.equal((await next(gateway, READ)).outcome, "503 gateway.busy");
  t.equal((await next(gateway, SMALL, "partnerAC")).outcome, "200");
});

t.test("of writes that were under way together no more is kept than twice the limit", async (t) => {
  const gateway = await start(t, { unsentPerKey: MOST });
  t.equal((await next(gateway, SMALL)).outcome, "200");
  const held = stageWrites(t);
  const from = gateway.lines().filter(({ msg }) => msg === "request").length;
  for (let i = 0; i < 6; i += 1) await send(gateway, WRITE);
  await until("all at the CMS", () => held.length === 6);
  for (const go of held) go();
  const seen = await outcomes(gateway, from, 6);
  t.strictSame(seen.toSorted(), ["200", "200", "200", "200", "200", "500 answer.unsent"]);
});

t.test("an answer that is larger than the limit is given to who has no other", async (t) => {
  for (const [limits, refusal] of [
    [{ unsentPerKey: "1MiB" }, "429 key.busy"],
    [{ unsent: "1MiB" }, "503 gateway.busy"],
  ] as const) {
    const gateway = await start(t, limits);
    const only = await next(gateway, READ);
    t.equal(only.outcome, "200");
    t.equal((await next(gateway, SMALL)).outcome, refusal);
    only.client.socket.resume();
    t.match((await only.client.end()).text, /\}$/);
  }
});
