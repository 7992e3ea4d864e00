/**
 * Attack: a client requests large responses on many connections and reads none of them.
 * Amplifier: the gateway holds a response in memory until its client has read it, so a request of some
 * hundred bytes holds megabytes.
 * Defence: limits on the bytes of unread responses, per user and in all, besides their number. A response
 * over the limit is replaced by a small error. A read response or a disconnected client releases its bytes at
 * once.
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

/** More bytes than the kernel's buffers of one connection hold. */
const LARGE = 12_000_000;
/** Two such responses fit, and five fit in twice as much. */
const MOST = "30MiB";
const POSTS = "/partners/2026-02/tenant-a/posts";
const text = "x".repeat(LARGE);
// Written past Payload's own limit of a text's length, which applies to writes.
const { id } = await cms.payload.db.create({
  collection: "posts",
  data: { tenant: 1, title: "large", text },
});
const { docs } = await cms.payload.find({ collection: "posts", where: { tenant: { equals: 1 } }, limit: 1 });
const written = docs[0]?.id ?? 0;
const READ = `GET ${POSTS}/${id}`;
const WRITE = `PATCH ${POSTS}/${written}`;
/** The response to a write; the CMS's own would be small. */
const LARGE_ANSWER = answerOf("200 OK", JSON.stringify({ doc: { id: written, tenant: 1, text } }));

/** Stages writes: the CMS carries out each when `go` is called, and its response is a large one. */
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

/** Sends a request whose response stays unread until `resume`. Resolves when the request is on its way. */
async function send(to: TestGateway, request: string, key: KeyName = "partnerA"): Promise<RawClient> {
  const client = await rawConnect(to.port);
  client.socket.pause();
  const body = request.startsWith("GET") ? "" : '{"title":"larger"}';
  const auth = `Authorization: users API-Key ${cms.keys[key]}`;
  const length = `Content-Length: ${body.length}`;
  client.send(rawRequest([`${request} HTTP/1.1`, "Host: h", auth, length, "Connection: close"], body));
  return client;
}

/**
 * Resolves with the outcomes in the access log after the first `from` requests, once there are `count` of
 * them.
 */
async function outcomes(of: TestGateway, from: number, count: number): Promise<string[]> {
  const lines = () => of.lines().filter(({ msg }) => msg === "request");
  await until(`${count} requests to be logged`, () => lines().length >= from + count);
  return lines()
    .slice(from)
    .map(({ status, code = "" }) => `${String(status)} ${String(code)}`.trim());
}

/** Sends one more request and resolves with its outcome. */
async function next(of: TestGateway, request: string, key?: KeyName) {
  const from = of.lines().filter(({ msg }) => msg === "request").length;
  const client = await send(of, request, key);
  const [outcome] = await outcomes(of, from, 1);
  return { client, outcome };
}

const SMALL = `GET ${POSTS}?limit=1&sort=id`;

t.test("limits the bytes of one user's unread responses (429) without affecting other users", async (t) => {
  const gateway = await start(t, { unsentPerKey: MOST });
  const first = await next(gateway, READ);
  const second = await next(gateway, READ);
  t.strictSame([first.outcome, second.outcome], ["200", "200"]);
  t.equal((await next(gateway, READ)).outcome, "429 key.busy", "no space for a third");
  t.equal((await next(gateway, SMALL)).outcome, "200", "space for a small one");
  t.equal(
    (await next(gateway, SMALL.replace("GET", "HEAD"))).outcome,
    "200",
    "space for the response to a HEAD",
  );
  const writes = stageWrites(t);
  const writing = next(gateway, WRITE);
  await until("the write at the CMS", () => writes.length === 1);
  writes[0]?.();
  t.equal((await writing).outcome, "200", "the response to a completed write is sent");
  line.stage(carries);
  const asked = line.asked.length;
  t.equal((await next(gateway, SMALL)).outcome, "429 key.busy", "no further request is started");
  t.equal((await next(gateway, WRITE)).outcome, "429 key.busy");
  t.equal(line.asked.length, asked, "the CMS receives no request");
  t.equal((await next(gateway, READ, "partnerAC")).outcome, "200", "another user is served");

  first.client.socket.resume();
  t.match((await first.client.end()).text, /\}$/, "the response is complete");
  await until("space after a response was read", async () => (await next(gateway, SMALL)).outcome === "200");
  t.equal((await next(gateway, READ)).outcome, "429 key.busy");
  second.client.socket.destroy();
  await until("space after a client disconnected", async () => (await next(gateway, READ)).outcome === "200");
});

t.test("counts the bytes received from the CMS before the response is complete", async (t) => {
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
  await until("no space for another", async () => (await next(gateway, READ)).outcome === "429 key.busy");
  stalled[0]?.socket.destroy();
  await until("space after a client disconnected", async () => (await next(gateway, READ)).outcome === "200");
});

t.test("limits the bytes of all unread responses (503)", async (t) => {
  const gateway = await start(t, { unsent: MOST });
  for (const key of ["partnerA", "partnerAC"] as const)
    t.equal((await next(gateway, READ, key)).outcome, "200");
  t.equal((await next(gateway, READ)).outcome, "503 gateway.busy");
  t.equal((await next(gateway, SMALL, "partnerAC")).outcome, "200");
});

t.test("holds at most twice the limit for the responses to concurrent writes", async (t) => {
  const gateway = await start(t, { unsentPerKey: MOST });
  t.equal((await next(gateway, SMALL)).outcome, "200");
  const held = stageWrites(t);
  const from = gateway.lines().filter(({ msg }) => msg === "request").length;
  for (let i = 0; i < 6; i += 1) await send(gateway, WRITE);
  await until("all writes at the CMS", () => held.length === 6);
  for (const go of held) go();
  const seen = await outcomes(gateway, from, 6);
  t.strictSame(seen.toSorted(), ["200", "200", "200", "200", "200", "500 answer.unsent"]);
});

t.test("sends a response larger than the limit to a user without other unread responses", async (t) => {
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
