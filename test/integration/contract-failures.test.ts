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

/** Section 6 of the contract where the CMS fails, or the line to it. */

const cms = await startCms();
tap.teardown(() => cms.close());
const line = new Line(cms.port);
const upstream = await line.mend();
tap.teardown(() => line.refuse());
const { ask } = await openHouse(tap, upstream);
await ask(`GET ${A}/posts`);
tap.afterEach(async () => void (await line.mend()));

/** The request that carries each operation out, and which one of those to the CMS it comes to. */
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

/** Asserts that every operation of which the request itself meets `how` gets this row. */
async function everywhere(t: Test, how: Disturbance, row: Row): Promise<void> {
  for (const [what, carriedOutBy] of OPERATIONS) {
    line.disturb(carriedOutBy, how);
    const answer = await ask(what, { body: { title: "x" } });
    if (what.startsWith("HEAD")) t.match(answer, { status: row[0], text: "" }, what);
    else refused(t, answer, row, what);
  }
  await line.mend();
  t.match(await ask(`GET ${A}/posts/1`), { status: 200 }, "and is well again when the CMS is");
}

/** A gateway whose time stands still but for `timesOut`: the request meets `how`, and 250 ms are over. */
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
    // By the end of a later request the gateway has read what the line has sent, and would have answered the first.
    refused(t, await house.ask("GET /partners/2025-10/tenant-a/pages"), unsupported("2025-10"));
    t.notOk(state.isAnswered, `${what}: no answer before the time is over`);
    clock.move(1);
    refused(t, await inTime(answer, () => `the answer to ${what}`), ROW.timeout, what);
    await line.mend();
  };
  return { house, timesOut };
}

await tap.test("502 Bad Gateway: refused", async (t) => {
  await line.refuse();
  for (const what of [`GET ${A}/posts`, `GET ${A}/posts/1`, `POST ${A}/posts`]) {
    refused(t, await ask(what, { body: { title: "x" } }), ROW.badGateway, what);
  }
});

await tap.test("502 Bad Gateway: reset, before an answer and in the middle of one", async (t) => {
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

await tap.test("502 Bad Gateway: an answer that is no HTTP", async (t) => {
  await everywhere(t, ({ req }) => void req.socket.end("SSH-2.0-OpenSSH_9.9\r\n\r\n"), ROW.badGateway);
});

await tap.test("504 Gateway Timeout: no answer within firstByteTimeout", async (t) => {
  const { house, timesOut } = await onHandClock(t, { upstream: { firstByteTimeout: "250ms" } });
  await timesOut(`GET ${A}/posts`, hangs);
  await timesOut(`POST ${A}/posts`, hangs);
  t.match(await house.ask(`GET ${A}/posts`), { status: 200 }, "and is well again when the CMS is");
});

await tap.test("504 Gateway Timeout: the deadline of the whole, an answer that stops included", async (t) => {
  const { timesOut } = await onHandClock(t, { partners: { deadline: "250ms" } });
  await timesOut(`GET ${A}/posts`, hangs);
  await timesOut(`GET ${A}/posts`, (response) => void response.writeHead(200, json).write('{"docs":['));
});

await tap.test(
  "503 Service Unavailable: the key cannot be verified, and that is not remembered",
  async (t) => {
    const failures: Record<string, Disturbance> = {
      reset,
      "a 500": reply(500, { errors: [{ message: "Something went wrong." }] }),
      "a 401": reply(401, { errors: [{ message: "Unauthorized" }] }),
      "a 403": reply(403, { errors: [{ message: "Forbidden" }] }),
      "a 404": reply(404, { message: "Route not found" }),
      HTML: reply(200, "<html>", { "content-type": "text/html" }),
      "JSON that says nothing of a user": reply(200, { message: "Account" }),
      "a redirect": reply(302, "", { location: "/admin/login" }),
    };
    for (const [name, how] of Object.entries(failures)) {
      for (const key of [cms.keys.partnerC, "nobodys"]) {
        const fresh = await openHouse(t, upstream);
        line.disturb(LOOKUPS.key, how);
        refused(t, await fresh.ask(`GET ${A}/posts`, { key }), ROW.unavailable, name);
        await line.mend();
        const row = key === "nobodys" ? ROW.unauthorized : ROW.tenantNotFound;
        refused(t, await fresh.ask(`GET ${A}/posts`, { key }), row, `${name}, and then the truth`);
      }
    }
    await line.refuse();
    refused(t, await ask(`GET ${A}/posts`, { key: cms.keys.partnerC }), ROW.unavailable, "refused");
    refused(t, await ask(`GET ${A}/posts`, { key: "a b" }), ROW.unauthorized, "a malformed one needs no CMS");
  },
);

await tap.test("503 Service Unavailable: neither can tenant or ownership be verified", async (t) => {
  const path = "/partners/2026-02/tenant-c/posts";
  const { partnerC: key } = cms.keys;
  for (const how of [reset, reply(500, {}), reply(200, "<html>", { "content-type": "text/html" })]) {
    line.disturb(LOOKUPS.tenant, how);
    refused(t, await ask(`GET ${path}`, { key }), ROW.unavailable, "tenant");
  }
  await line.mend();
  t.match(await ask(`GET ${path}`, { key }), { status: 200 }, "and is not remembered");
  for (const how of [reset, reply(500, {}), reply(200, {})]) {
    line.disturb(/^GET .api.posts/, how);
    for (const method of ["PATCH", "DELETE"]) {
      refused(t, await ask(`${method} ${A}/posts/1`, { body: {} }), ROW.unavailable, `ownership, ${method}`);
    }
  }
});

await tap.test("503 Service Unavailable: over capacity", async (t) => {
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
  t.match(await small.ask(`GET ${A}/pages/1`), { status: 200 }, "and has room again");
});

await tap.test("429 Too Many Requests: of one user, after the version, before the tenant", async (t) => {
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
  refused(t, await small.ask("GET /partners/2026-02/nosuch/pages"), ROW.tooMany, "before the tenant");
  refused(t, await small.ask("GET /partners/2026-02"), ROW.tooMany, "before whether there is one");
  t.match(await small.ask(`GET ${A}/pages/1`, { key: admin }), { status: 200 }, "another's is not concerned");
  await line.mend();
  release();
  await first;
  t.match(await small.ask(`GET ${A}/pages/1`), { status: 200 }, "and has room again");
});

await tap.test("500 Server Error: the CMS answered 5xx, or something that is not JSON", async (t) => {
  const html = { "content-type": "text/html" };
  const record = { docs: [{ id: 1, tenant: 1 }], doc: { id: 1, tenant: 1 } };
  const answers: Record<string, Disturbance> = {
    "a 500": reply(500, { errors: [{ message: "SQLITE_ERROR: no such column" }] }),
    "a 502 of a proxy": reply(502, "<html>nginx</html>", html),
    "a 503": reply(503, { message: "maintenance" }, { ...json, "retry-after": "3600" }),
    "a page": reply(200, "<html>", html),
    "JSON that says it is a page": reply(200, record, html),
    "JSON that does not say so": reply(200, record, {}),
    "half of it": reply(200, '{"docs":[{"id":1'),
    "compressed unasked": reply(200, record, { ...json, "content-encoding": "gzip" }),
    nothing: reply(204, ""),
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

await tap.test("upstream headers are an allow-list, and secrets never come out at any depth", async (t) => {
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
