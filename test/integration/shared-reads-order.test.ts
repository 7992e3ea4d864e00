import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import type { KeyName } from "../support/cms/keys.ts";
import { carries, losesAnswer, startFaultyLine, type Fault } from "../support/faults.ts";
import { configFor, startTestGateway, type TestGateway } from "../support/gateway.ts";
import { samplesOf } from "../support/scrape.ts";
import { unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

// A read that joins another returns no state older than one that any client received before the read came. A
// gate on the line forces each order: it holds a write before the CMS, and answers before the gateway.

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const settings = unhurried({ partners: { collections: ["posts"] } });
t.teardown(async () => {
  await line.close();
  await cms.close();
});

const POSTS = "/partners/2026-02/tenant-a/posts";

/** A request that the line holds, in both directions. */
interface Gate {
  /** Resolves when the line holds the request. */
  readonly held: Promise<void>;
  /** Sends the request to the CMS. Resolves when the CMS has answered, and so has read or committed. */
  pass(): Promise<void>;
  /** Sends the CMS's answer to the gateway. */
  release(): void;
}

/** Holds the next request whose head matches; all others pass. */
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

/** Matches reads of the record, including the reads that a write makes. */
const READ = /^GET \/api\/posts\?/;
const WRITE = /^PATCH \/api\/posts\//;

async function read({ url }: TestGateway, path: string, key: KeyName): Promise<string> {
  const answer = await fetch(url + path, { headers: { authorization: `users API-Key ${cms.keys[key]}` } });
  const { text }: { text: string } = JSON.parse(await answer.text());
  return text;
}

/** The number of partner requests in flight in a gateway. */
async function inFlight(gateway: TestGateway): Promise<number> {
  return (await samplesOf(gateway, "gateway_load"))["of=requests"] ?? 0;
}

/**
 * Reads the record while `reading` holds an earlier read with the same key. A read that joins the earlier one
 * is not answered before its release.
 */
async function next({ gateway, path }: Prepared, reading: Gate): Promise<string> {
  const before = await inFlight(gateway);
  let isAnswered = false;
  const text = read(gateway, path, "partnerA").finally(() => (isAnswered = true));
  await until(
    "the read to be in flight, or answered",
    async () => isAnswered || (await inFlight(gateway)) > before,
  );
  // If the read is on its way to the CMS, it returns the new state in any case.
  reading.release();
  return text;
}

/** Starts a gateway that has cached both keys and the tenant, with a record and an editor's token. */
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

/** The ways to write the record. Each resolves with the answer. */
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
    `${whose} write: once any client received the new state, no read joins one that began before the write`,
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
      t.equal(await read(gateway, path, "partnerAC"), `${whose} first`, "another key reads the new state");
      t.equal(await next(all, reading), `${whose} first`);
      writing.release();
      t.equal(await old, before, "the first read has the old state");
      t.equal((await written).status, 200);
    },
  );

  t.test(`${whose} write: no read joins one that began while the write was in flight`, async (t) => {
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
    t.equal(await read(gateway, path, "partnerAC"), `${whose} second`, "another key reads the new state");
    t.equal(await next(all, reading), `${whose} second`);
    writing.release();
    t.equal((await written).status, 200);
    t.equal(await old, before, "the first read has the old state");
  });

  t.test(
    `${whose} write that began before a reload also counts for the reads after the reload`,
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
      t.equal(await old, before, "the first read has the old state");
    },
  );
}

for (const [whose, write] of Object.entries(WRITERS)) {
  t.test(`when ${whose} write has ended, in success or error, equal reads are shared again`, async (t) => {
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
    await until("the writes to end", async () => (await inFlight(gateway)) === 1);
    const from = asked().length;
    t.ok(from > 0);
    const second = read(gateway, path, "partnerA");
    await until("the second to be in flight", async () => (await inFlight(gateway)) === 2);
    // This later request has passed all stages, so the second read has joined the first or has been sent.
    await fetch(`${gateway.url}${POSTS}?limit=1`, {
      headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
    });
    reading.release();
    t.equal(await second, `${whose} fifth`);
    t.equal(await first, `${whose} fifth`);
    t.equal(asked().length, from, "the second read sent no request");
  });
}
