import tap, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { handClock } from "../support/clock.ts";
import { inTime } from "../support/raw.ts";
import { Line, hangs, json, reply, reset, type Disturbance } from "./support-contract-line.ts";
import {
  A,
  ROW,
  UUID,
  openHouse,
  refused,
  strangeHeaders,
  unsupported,
  words,
  type Row,
} from "./support-contract.ts";

/** Section 6 of the contract when the CMS fails, or the connection to it. */

const cms = await startCms();
tap.teardown(() => cms.close());
const line = new Line(cms.port);
const upstream = await line.mend();
tap.teardown(() => line.refuse());
const { ask } = await openHouse(tap, upstream);
await ask(`GET ${A}/posts`);
tap.afterEach(async () => void (await line.mend()));

/** Each operation, and the request to the CMS that carries it out. */
const OPERATIONS: readonly (readonly [what: string, carriedOutBy: RegExp])[] = [
  [`GET ${A}/posts`, /^GET .api.posts/],
  [`HEAD ${A}/posts/1`, /^GET .api.posts/],
  [`GET ${A}/posts/1`, /^GET .api.posts/],
  [`POST ${A}/posts`, /^POST .api.posts/],
  [`PATCH ${A}/posts/1`, /^PATCH .api.posts/],
  [`PUT ${A}/posts/1`, /^PATCH .api.posts/],
  [`DELETE ${A}/posts/1`, /^DELETE .api.posts/],
];
const LOOKUPS = { key: /^GET .api.users.me/, tenant: /^GET .api.tenants/ };

/** Asserts that every operation gets this row if `how` happens to its request to the CMS. */
async function everywhere(t: Test, how: Disturbance, row: Row): Promise<void> {
  for (const [what, carriedOutBy] of OPERATIONS) {
    line.disturb(carriedOutBy, how);
    const answer = await ask(what, { body: { title: "x" } });
    if (what.startsWith("HEAD")) t.match(answer, { status: row[0], text: "" }, what);
    else refused(t, answer, row, what);
  }
  await line.mend();
  t.match(await ask(`GET ${A}/posts/1`), { status: 200 }, "the gateway recovers when the CMS does");
}

/** Starts a gateway on a manual clock. `timesOut` applies `how`, advances 250 ms and expects 504. */
async function onHandClock(t: Test, settings: Record<string, unknown>) {
  const clock = handClock();
  const house = await openHouse(t, upstream, { ...settings, clock });
  t.match(await house.ask(`GET ${A}/posts`), { status: 200 }, "key and tenant are cached");
  const timesOut = async (what: string, how: Disturbance): Promise<void> => {
    const disturbed = line.disturbed();
    line.disturb(/^(GET|POST) .api.posts/, how);
    const state = { isAnswered: false };
    const answer = house.ask(what, { body: { title: "x" } });
    void answer.finally(() => (state.isAnswered = true));
    await disturbed;
    clock.move(249);
    // Once a later request is answered, the gateway has read all from the line, and would have answered.
    refused(t, await house.ask("GET /partners/2025-10/tenant-a/pages"), unsupported("2025-10"));
    t.notOk(state.isAnswered, `${what}: no answer before the timeout`);
    clock.move(1);
    refused(t, await inTime(answer, () => `the answer to ${what}`), ROW.timeout, what);
    await line.mend();
  };
  return { house, timesOut };
}

await tap.test("answers 502 Bad Gateway if the CMS refuses the connection", async (t) => {
  await line.refuse();
  for (const what of [`GET ${A}/posts`, `GET ${A}/posts/1`, `POST ${A}/posts`]) {
    refused(t, await ask(what, { body: { title: "x" } }), ROW.badGateway, what);
  }
});

await tap.test("answers 502 Bad Gateway to a reset before the upstream answer or within it", async (t) => {
  await everywhere(t, reset, ROW.badGateway);
  await everywhere(
    t,
    (response) => {
      response.writeHead(200, { ...json, "content-length": 1000 });
      response.write('{"docs":[{"id":1', () => reset(response));
    },
    ROW.badGateway,
  );
});

await tap.test("answers 502 Bad Gateway to an upstream answer that is not HTTP", async (t) => {
  await everywhere(t, ({ req }) => void req.socket.end("SSH-2.0-OpenSSH_9.9\r\n\r\n"), ROW.badGateway);
});

await tap.test("answers 504 Gateway Timeout if no answer begins within firstByteTimeout", async (t) => {
  const { house, timesOut } = await onHandClock(t, { upstream: { firstByteTimeout: "250ms" } });
  await timesOut(`GET ${A}/posts`, hangs);
  await timesOut(`POST ${A}/posts`, hangs);
  t.match(await house.ask(`GET ${A}/posts`), { status: 200 }, "the gateway recovers when the CMS does");
});

await tap.test("answers 504 Gateway Timeout at the deadline, also within an upstream answer", async (t) => {
  const { timesOut } = await onHandClock(t, { partners: { deadline: "250ms" } });
  await timesOut(`GET ${A}/posts`, hangs);
  await timesOut(`GET ${A}/posts`, (response) => void response.writeHead(200, json).write('{"docs":['));
});

await tap.test(
  "answers 503 Service Unavailable if the key cannot be verified, and does not cache that",
  async (t) => {
    const failures: Record<string, Disturbance> = {
      reset,
      "a 500": reply(500, { errors: [{ message: "Something went wrong." }] }),
      "a 401": reply(401, { errors: [{ message: "Unauthorized" }] }),
      "a 403": reply(403, { errors: [{ message: "Forbidden" }] }),
      "a 404": reply(404, { message: "Route not found" }),
      HTML: reply(200, "<html>", { "content-type": "text/html" }),
      "JSON without a user": reply(200, { message: "Account" }),
      "a redirect": reply(302, "", { location: "/admin/login" }),
    };
    for (const [name, how] of Object.entries(failures)) {
      for (const key of [cms.keys.partnerC, "unknown"]) {
        const fresh = await openHouse(t, upstream);
        line.disturb(LOOKUPS.key, how);
        refused(t, await fresh.ask(`GET ${A}/posts`, { key }), ROW.unavailable, name);
        await line.mend();
        const row = key === "unknown" ? ROW.unauthorized : ROW.tenantNotFound;
        refused(t, await fresh.ask(`GET ${A}/posts`, { key }), row, `${name}, then the CMS answers`);
      }
    }
    await line.refuse();
    refused(t, await ask(`GET ${A}/posts`, { key: cms.keys.partnerC }), ROW.unavailable, "not connected");
    refused(t, await ask(`GET ${A}/posts`, { key: "a b" }), ROW.unauthorized, "a malformed key needs no CMS");
  },
);

await tap.test("answers 503 Service Unavailable if tenant or ownership cannot be verified", async (t) => {
  const path = "/partners/2026-02/tenant-c/posts";
  const { partnerC: key } = cms.keys;
  for (const how of [reset, reply(500, {}), reply(200, "<html>", { "content-type": "text/html" })]) {
    line.disturb(LOOKUPS.tenant, how);
    refused(t, await ask(`GET ${path}`, { key }), ROW.unavailable, "tenant");
  }
  await line.mend();
  t.match(await ask(`GET ${path}`, { key }), { status: 200 }, "the failure is not cached");
  for (const how of [reset, reply(500, {}), reply(200, {})]) {
    line.disturb(/^GET .api.posts/, how);
    for (const method of ["PATCH", "DELETE"]) {
      refused(t, await ask(`${method} ${A}/posts/1`, { body: {} }), ROW.unavailable, `ownership, ${method}`);
    }
  }
});

await tap.test("answers 503 Service Unavailable over capacity", async (t) => {
  const small = await openHouse(t, upstream, { limits: { inFlight: 1 } });
  t.match(await small.ask(`GET ${A}/pages/1`), { status: 200 });
  const disturbed = line.disturbed();
  line.disturb(/^GET .api.posts/, hangs);
  const first = small.ask(`GET ${A}/posts`);
  const release = await disturbed;
  refused(t, await small.ask(`GET ${A}/pages/1`), ROW.unavailable);
  await line.mend();
  release();
  await first;
  t.match(await small.ask(`GET ${A}/pages/1`), { status: 200 }, "capacity is free again");
});

await tap.test("answers 429 over a user's limit, after the version and before the tenant", async (t) => {
  const small = await openHouse(t, upstream, { limits: { inFlightPerKey: 1 } });
  const { admin } = cms.keys;
  for (const key of [cms.keys.partnerA, admin])
    t.match(await small.ask(`GET ${A}/pages/1`, { key }), { status: 200 });
  const disturbed = line.disturbed();
  line.disturb(/^GET .api.posts/, hangs);
  const first = small.ask(`GET ${A}/posts`);
  const release = await disturbed;
  refused(t, await small.ask(`GET ${A}/pages/1`), ROW.tooMany);
  refused(t, await small.ask("GET /partners/2025-10/tenant-a/pages"), unsupported("2025-10"));
  refused(t, await small.ask("GET /partners/2026-02/nosuch/pages"), ROW.tooMany, "before the tenant lookup");
  refused(t, await small.ask("GET /partners/2026-02"), ROW.tooMany, "before the check for a tenant segment");
  t.match(await small.ask(`GET ${A}/pages/1`, { key: admin }), { status: 200 }, "another user is unaffected");
  await line.mend();
  release();
  await first;
  t.match(await small.ask(`GET ${A}/pages/1`), { status: 200 }, "capacity is free again");
});

await tap.test("answers 500 Server Error if the CMS answers 5xx or anything but JSON", async (t) => {
  const html = { "content-type": "text/html" };
  const record = { docs: [{ id: 1, tenant: 1 }], doc: { id: 1, tenant: 1 } };
  const answers: Record<string, Disturbance> = {
    "a 500": reply(500, { errors: [{ message: "SQLITE_ERROR: no such column" }] }),
    "a 502 of a proxy": reply(502, "<html>nginx</html>", html),
    "a 503": reply(503, { message: "maintenance" }, { ...json, "retry-after": "3600" }),
    "a page": reply(200, "<html>", html),
    "JSON with the Content-Type of HTML": reply(200, record, html),
    "JSON without a Content-Type": reply(200, record, {}),
    "truncated JSON": reply(200, '{"docs":[{"id":1'),
    "compressed without Accept-Encoding": reply(200, record, { ...json, "content-encoding": "gzip" }),
    "no content": reply(204, ""),
    "a redirect": reply(302, "", { location: "http://127.0.0.1:1/" }),
    "a list": reply(200, []),
    null: reply(200, null),
    "no record": reply(200, { message: "ok" }),
    "a teapot": reply(418, { message: "teapot" }),
  };
  for (const [name, how] of Object.entries(answers))
    await t.test(name, (t2) => everywhere(t2, how, ROW.failed));
});

const SECRETS = words(`password salt hash apiKey apiKeyIndex enableAPIKey resetPasswordToken
  resetPasswordExpiration sessions lockUntil loginAttempts`);

await tap.test("upstream headers pass by an allow-list, and secrets are removed at any depth", async (t) => {
  const secrets = Object.fromEntries(SECRETS.map((name) => [name, "leaked"]));
  const doc = {
    id: 1,
    tenant: 1,
    title: "kept",
    ...secrets,
    group: { ...secrets, rows: [{ id: "r", ...secrets }] },
  };
  const headers = {
    ...json,
    server: "nginx",
    "x-powered-by": "Next.js, Payload",
    "set-cookie": "payload-token=x",
    etag: '"x"',
    vary: "*",
    location: "/admin",
    "x-request-id": "theirs",
    "cache-control": "public",
    "www-authenticate": "Basic",
    "access-control-allow-origin": "*",
  };
  for (const [what, carriedOutBy] of OPERATIONS) {
    line.disturb(carriedOutBy, reply(200, { docs: [doc], doc }, headers));
    const answer = await ask(what, { body: { title: "x" } });
    t.same(strangeHeaders(answer), [], what);
    t.match(answer.headers, { "x-request-id": UUID, "cache-control": /no-store/ }, what);
    if (!what.startsWith("HEAD")) t.match(answer.text, "kept", what);
    t.notMatch(answer.text, new RegExp(`leaked|${SECRETS.join("|")}`), what);
  }
});
