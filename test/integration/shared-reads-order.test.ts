import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import type { KeyName } from "../support/cms/keys.ts";
import { carries, losesAnswer, startFaultyLine, type Fault } from "../support/faults.ts";
import { configFor, startTestGateway, type TestGateway } from "../support/gateway.ts";
import { samplesOf } from "../support/scrape.ts";
import { unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

// A read that joins another returns no state older than one that anybody was told before it came. Each order is forced: a
// gate on the line keeps a write from the CMS, and answers from the gateway.

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const settings = unhurried({ partners: { collections: ["posts"] } });
t.teardown(async () => {
  await line.close();
  await cms.close();
});

const POSTS = "/partners/2026-02/tenant-a/posts";

/** One request that the line keeps, in both directions. */
interface Gate {
  /** Resolves when the line has it. */
  readonly held: Promise<void>;
  /** Gives it to the CMS. Resolves when the CMS has answered, and so has read or committed. */
  pass(): Promise<void>;
  /** Gives the CMS's answer to the gateway. */
  release(): void;
}

/** Keeps the next request whose head matches; all others pass. */
function gate(only: RegExp): Gate {
  const [held, passed, answered, released] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const keep: Fault = ({ forward, gateway }) => {
    line.stage(carries);
    held.resolve();
    void passed.promise.then(() =>
      forward((chunk) => {
        answered.resolve();
        void released.promise.then(() => gateway.destroyed || gateway.write(chunk));
      }),
    );
  };
  line.stage(keep, only);
  return {
    held: held.promise,
    pass() {
      passed.resolve();
      return answered.promise;
    },
    release() {
      passed.resolve();
      released.resolve();
    },
  };
}

/** Of the record's reads, also of those that a write makes. */
const READ = /^GET \/api\/posts\?/;
const WRITE = /^PATCH \/api\/posts\//;

async function read({ url }: TestGateway, path: string, key: KeyName): Promise<string> {
  const answer = await fetch(url + path, { headers: { authorization: `users API-Key ${cms.keys[key]}` } });
  const { text }: { text: string } = JSON.parse(await answer.text());
  return text;
}

/** How many partners' requests a gateway has. */
async function underWay(gateway: TestGateway): Promise<number> {
  return (await samplesOf(gateway, "gateway_load"))["of=requests"] ?? 0;
}

/** What the record's next read returns, by a key of which a read is held at `reading`: one that joins it is not answered before. */
async function next({ gateway, path }: Prepared, reading: Gate): Promise<string> {
  const before = await underWay(gateway);
  let isAnswered = false;
  const text = read(gateway, path, "partnerA").finally(() => (isAnswered = true));
  await until(
    "the read to be under way, or answered",
    async () => isAnswered || (await underWay(gateway)) > before,
  );
  // Were it on its way to the CMS, it would be answered by the new state nevertheless.
  reading.release();
  return text;
}

/** A gateway that knows both keys and the tenant, and a record. */
async function prepared(t: Test) {
  const gateway = await startTestGateway(line.url, settings);
  t.teardown(async () => {
    line.stage(carries);
    await gateway.stop();
  });
  const { docs } = await cms.payload.find({
    collection: "posts",
    where: { tenant: { equals: 1 } },
    limit: 1,
  });
  const id = docs[0]?.id ?? 0;
  const path = `${POSTS}/${id}`;
  await Promise.all([read(gateway, path, "partnerA"), read(gateway, path, "partnerAC")]);
  const login = await fetch(`${cms.url}/api/users/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "admin@cms.test", password: "admin-password" }),
  });
  const { token }: { token: string } = JSON.parse(await login.text());
  return { gateway, id, path, token };
}

type Prepared = Awaited<ReturnType<typeof prepared>>;

/** The ways to write the record, each of which resolves with its status. */
const WRITERS = {
  "a partner's": async ({ gateway, path }: Prepared, text: string) =>
    fetch(gateway.url + path, {
      method: "PATCH",
      headers: { authorization: `users API-Key ${cms.keys.partnerAC}` },
      body: JSON.stringify({ text }),
    }),
  "a native": async ({ gateway, id, token }: Prepared, text: string) =>
    fetch(`${gateway.url}/api/posts/${id}`, {
      method: "PATCH",
      headers: { authorization: `JWT ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ text }),
    }),
} as const;

for (const [whose, write] of Object.entries(WRITERS)) {
  t.test(
    `${whose} write: no read joins one that began before it, once anybody was told the new state`,
    async (t) => {
      const all = await prepared(t);
      const { gateway, path } = all;
      const before = await read(gateway, path, "partnerA");
      const reading = gate(READ);
      const old = read(gateway, path, "partnerA");
      await reading.held;
      await reading.pass();
      const writing = gate(WRITE);
      const written = write(all, `${whose} first`);
      await writing.held;
      await writing.pass();
      t.equal(await read(gateway, path, "partnerAC"), `${whose} first`, "another key is told");
      t.equal(await next(all, reading), `${whose} first`);
      writing.release();
      t.equal(await old, before, "the first read is an old one indeed");
      t.equal((await written).status, 200);
    },
  );

  t.test(`${whose} write: nor one that began while the write was on its way`, async (t) => {
    const all = await prepared(t);
    const { gateway, path } = all;
    const before = await read(gateway, path, "partnerA");
    const writing = gate(WRITE);
    const written = write(all, `${whose} second`);
    await writing.held;
    const reading = gate(READ);
    const old = read(gateway, path, "partnerA");
    await reading.held;
    await reading.pass();
    await writing.pass();
    t.equal(await read(gateway, path, "partnerAC"), `${whose} second`, "another key is told");
    t.equal(await next(all, reading), `${whose} second`);
    writing.release();
    t.equal((await written).status, 200);
    t.equal(await old, before, "the first read is an old one indeed");
  });

  t.test(
    `${whose} write under the configuration before a reload is known under the one after it`,
    async (t) => {
      const all = await prepared(t);
      const { gateway, path } = all;
      const before = await read(gateway, path, "partnerA");
      const writing = gate(WRITE);
      const written = write(all, `${whose} third`);
      await writing.held;
      await gateway.reload(() => configFor(line.url, settings));
      const reading = gate(READ);
      const old = read(gateway, path, "partnerA");
      await reading.held;
      await reading.pass();
      await writing.pass();
      writing.release();
      t.equal((await written).status, 200);
      t.equal(await next(all, reading), `${whose} third`);
      t.equal(await old, before, "the first read is an old one indeed");
    },
  );
}

for (const [whose, write] of Object.entries(WRITERS)) {
  t.test(`when ${whose} write is over, however it ended, equal reads are one again`, async (t) => {
    const all = await prepared(t);
    const { gateway, path, id } = all;
    const asked = () =>
      line.asked.filter((one) => decodeURIComponent(one).includes(`{"id":{"equals":${id}}}`));
    t.equal((await write(all, `${whose} fourth`)).status, 200);
    line.stage(losesAnswer, WRITE);
    t.not((await write(all, `${whose} fifth`)).status, 200);
    line.stage(carries);
    const reading = gate(READ);
    const first = read(gateway, path, "partnerA");
    await reading.held;
    await until("the writes to be over", async () => (await underWay(gateway)) === 1);
    const from = asked().length;
    t.ok(from > 0);
    const second = read(gateway, path, "partnerA");
    await until("the second to be under way", async () => (await underWay(gateway)) === 2);
    // One that came after it has been through all stages: the second has joined the first, or has asked by now.
    await fetch(`${gateway.url}${POSTS}?limit=1`, {
      headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
    });
    reading.release();
    t.equal(await second, `${whose} fifth`);
    t.equal(await first, `${whose} fifth`);
    t.equal(asked().length, from, "the second asked nothing");
  });
}
