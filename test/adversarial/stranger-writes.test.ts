/**
 * Attack: any number of unauthenticated unsafe requests: rejected ones, ones that some endpoint answers, ones
 * whose client disconnects before the response.
 * Amplifier: each may have changed a key's user, so every replica invalidates its cache, and every key in use
 * needs another lookup.
 * Defence: a write that the CMS rejected invalidates nothing. All unauthenticated writes together cause one
 * invalidation in 5 s, and only the first response waits for it. A write of a CMS user is never delayed by
 * them.
 */
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, says, startFaultyLine } from "../support/faults.ts";
import { rawConnect } from "../support/raw.ts";
import { administrator, judge, KEY, TOKEN } from "../support/revocation.ts";
import { samplesOf } from "../support/scrape.ts";
import { startStillGateway, type StillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

t.setTimeout(900_000);
const APART_MS = 5_000;

async function start(t: Test): Promise<StillGateway> {
  const settings = { cache: { keyTtl: "1h", absentTtl: "1h", jitter: 0 } };
  const gateway = await startStillGateway(line.url, settings, { env: { ADMIN_TOKEN: TOKEN } });
  t.teardown(() => gateway.stop());
  return gateway;
}

/** How many invalidations of all keys a gateway has made. */
async function invalidations(gateway: StillGateway): Promise<number> {
  const samples = await samplesOf(gateway, "gateway_revocation_seconds_count", TOKEN);
  return Object.values(samples).reduce((sum, one) => sum + one, 0);
}

interface Write {
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

async function write(gateway: StillGateway, path: string, { method = "POST", headers = {} }: Write = {}) {
  const answer = await fetch(gateway.url + path, { method, headers, redirect: "manual" });
  await answer.arrayBuffer();
  return answer.status;
}

t.test("a write that the CMS rejects invalidates nothing", async (t) => {
  const gateway = await start(t);
  t.equal(await judge(gateway, KEY), "good");
  const asked = line.asked.length;
  t.equal(await write(gateway, "/api/nope"), 404);
  t.equal(await write(gateway, "/api/users/2", { method: "PATCH" }), 403);
  for (const status of ["401 Unauthorized", "403 Forbidden", "404 Not Found", "405 Method Not Allowed"]) {
    line.stage(says(answerOf(status, "{}")), /^POST \/api\/elsewhere /);
    t.equal(await write(gateway, "/api/elsewhere"), Number(status.slice(0, 3)));
  }
  t.equal(await judge(gateway, KEY), "good");
  t.equal(await invalidations(gateway), 0);
  t.strictSame(
    line.asked.slice(asked).filter((one) => one.includes("/users/me")),
    [],
  );
  line.stage(says(answerOf("400 Bad Request", "{}")), /^POST \/api\/elsewhere /);
  t.equal(await write(gateway, "/api/elsewhere"), 400);
  t.equal(await invalidations(gateway), 1, "a 400 may have changed something");
  await line.heal();
});

const STRANGERS: Readonly<Record<string, Record<string, string>>> = {
  "without credentials": {},
  "with an invented session": { cookie: "payload-token=a.eyJjb2xsZWN0aW9uIjoidXNlcnMifQ.b" },
  "with an invented token": { authorization: "JWT a.eyJjb2xsZWN0aW9uIjoiLi4vZXZlbnRzIn0.b" },
};

for (const [who, headers] of Object.entries(STRANGERS)) {
  for (const status of ["200 OK", "303 See Other", "400 Bad Request", "500 Internal Server Error"]) {
    t.test(`writes ${who} answered with ${status} share one invalidation in 5 s`, async (t) => {
      const gateway = await start(t);
      const admin = await administrator(gateway);
      t.equal(await judge(gateway, KEY), "good");
      line.stage(says(answerOf(status, "{}")), /^POST \/api\/webhook /);
      t.teardown(() => line.heal());
      const [before, code] = [await invalidations(gateway), Number(status.slice(0, 3))];
      t.equal(await write(gateway, "/api/webhook", { headers }), code);
      t.equal(await invalidations(gateway), before + 1, "the first invalidates at once");
      const flood = Array.from({ length: 50 }, () => write(gateway, "/api/webhook", { headers }));
      t.strictSame([...new Set(await Promise.all(flood))], [code], "their responses do not wait");
      t.equal(await invalidations(gateway), before + 1, "no invalidation for them yet");
      await admin.write("PATCH", "/api/users/7", { name: `changed ${status}` });
      t.equal(
        await invalidations(gateway),
        before + 2,
        "a user's write does not wait for unauthenticated ones",
      );
      gateway.clock.move(APART_MS);
      await until(
        "one invalidation for all of them",
        async () => (await invalidations(gateway)) === before + 3,
      );
      gateway.clock.move(APART_MS);
      t.equal(await write(gateway, "/api/webhook", { headers }), code);
      t.equal(
        await invalidations(gateway),
        before + 4,
        "one for all, and the next invalidates at once again",
      );
    });
  }
}

t.test("unauthenticated clients that disconnect before the response share one invalidation", async (t) => {
  const gateway = await start(t);
  line.stage(() => undefined, /^POST \/api\/webhook /);
  t.teardown(() => line.heal());
  const asked = line.asked.length;
  for (let n = 1; n <= 20; n += 1) {
    const client = await rawConnect(gateway.port);
    client.send("POST /api/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    await line.carried(asked + n);
    client.socket.destroy();
  }
  await until("the first invalidation", async () => (await invalidations(gateway)) > 0);
  t.equal(await invalidations(gateway), 1);
});
