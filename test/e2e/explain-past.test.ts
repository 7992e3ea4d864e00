import t from "tap";
import { isObject } from "../../src/core/json.ts";
import { startCms } from "../support/cms/server.ts";
import { USERS } from "../support/cms/keys.ts";
import { configFor, startTestGateway } from "../support/gateway.ts";
import { startProgram } from "../support/program.ts";
import { runCli } from "../support/prove.ts";

/** `explain --request`: what a gateway kept of requests that others sent it, and what it did not keep of them. */

const TOKEN = "an-admin-token-of-the-tests";
const env = { ADMIN_TOKEN: TOKEN };
const cms = await startCms({ record: false });
const users = { [USERS.partnerD.id]: { reads: 1 } };
const rate = { enabled: true, window: "1h", reads: 1_000, writes: 1_000, users };
const partners = { collections: ["posts", "events"], versionUpstreams: { "2025-07": "old" } };
const cache = { keyTtl: "1h", tenantTtl: "1h" };
const settings = { trace: { keep: 1_000 }, cache, rate, partners, upstreams: { old: { url: cms.url } } };
const gateway = await startProgram(cms.url, { settings, env });
t.teardown(async () => {
  await gateway.stop();
  await cms.close();
});
const A = "/partners/2026-02/tenant-a";
const KEYED = { authorization: `users API-Key ${cms.keys.partnerA}` };

/** Sends a request and resolves with its id. */
async function sent(path: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(gateway.url + path, { headers: KEYED, ...init });
  await response.arrayBuffer();
  return response.headers.get("x-request-id") ?? "";
}

/** What `explain --request --json` prints of it. */
async function told(id: string): Promise<{ code: number; explained: Record<string, unknown>; text: string }> {
  const { code, out, err } = await runCli(
    ["explain", "--request", id, "--admin-url", gateway.adminUrl, "--json"],
    env,
  );
  if (err !== "") throw new Error(err);
  const explained: unknown = JSON.parse(out);
  return { code, explained: isObject(explained) ? explained : {}, text: out };
}

const stagesIn = (explained: Record<string, unknown>): unknown[] =>
  Array.isArray(explained["steps"])
    ? explained["steps"].map((step: unknown) =>
        isObject(step) ? `${String(step["stage"])} ${String(step["outcome"])}` : "",
      )
    : [];

const ALL = "receive authenticate version resolveTenant route readBody authorise prepare forward answer"
  .split(" ")
  .map((stage) => `${stage} passed`);

t.test("a read is told stage by stage, with where each fact came from", async (t) => {
  const id = await sent(`${A}/events?limit=2&depth=0&where[title][like]=event`);
  const { code, explained } = await told(id);
  t.equal(code, 0);
  t.strictSame(stagesIn(explained), ALL);
  t.match(explained, {
    method: "GET",
    target: `${A}/events?limit=2&depth=0&where[title][like]=…`,
    verdict: "answered",
    past: { requestId: id, at: /^\d{4}-/, ms: Number, cms: "default" },
    steps: [
      { adds: { path: "/2026-02/tenant-a/events?limit=2&depth=0&where[title][like]=…" } },
      {
        from: { key: "cms" },
        adds: { principal: { userId: 2, credential: "[secret]" } },
        asked: [{ request: { method: "GET", target: "/api/users/me?depth=0" }, status: 200 }],
      },
      { adds: { version: { name: "2026-02" } } },
      { from: { tenant: "cms" }, adds: { tenant: { id: 1, slug: "tenant-a" } } },
      { adds: { operation: { kind: "list", collection: "events" } } },
      {},
      { adds: { permit: { scope: [1, 2] } } },
    ],
    upstream: {
      method: "GET",
      target: /^\/api\/events\?where=\{"and":\[\{"tenant":\{"in":\[1,2\]\}\},\{"title":\{"like":"…"\}\}\]\}&/,
      headers: { authorization: /^users API-Key sha256:[\w-]{8}…$/, "x-basker-tenant-id": "1" },
    },
    answer: { status: 200, body: { docs: ["2 ×", { id: "number", title: "string" }], totalDocs: "number" } },
  });
  const again = await told(await sent(`/partners/2025-07/tenant-a/events?limit=1`));
  t.match(again.explained, { past: { cms: "old" }, steps: [{}, { from: { key: "cms" } }] });
  const third = await told(await sent(`${A}/events?limit=1`));
  t.match(third.explained, {
    steps: [{}, { from: { key: "memory" }, asked: [] }, {}, { from: { tenant: "memory" } }],
  });
});

t.test("it is what explain shows of the same request", async (t) => {
  const path = `${A}/events/2?depth=0`;
  const { explained } = await told(await sent(path));
  const { out } = await runCli(["explain", "GET", path, "--key-env", "KEY", "--send", "--json"], {
    UPSTREAM_URL: cms.url,
    KEY: cms.keys.partnerA,
  });
  const now: unknown = JSON.parse(out);
  const bodyOf = (one: unknown) => isObject(one) && isObject(one["answer"]) && one["answer"]["body"];
  t.strictSame(stagesIn(explained), isObject(now) && stagesIn(now));
  t.ok(isObject(bodyOf(now)));
  t.strictSame(bodyOf(explained), bodyOf(now));
});

t.test("a write is told with the shape of what the CMS got, and whose record it was asked", async (t) => {
  const body = JSON.stringify({ title: "Renamed", tenant: 3, "tenant.id": 3, location: { city: "Here" } });
  const { code, explained, text } = await told(await sent(`${A}/events/2`, { method: "PATCH", body }));
  t.equal(code, 0);
  t.strictSame(stagesIn(explained), ALL);
  t.match(explained, {
    verdict: "answered",
    upstream: {
      method: "PATCH",
      target: "/api/events/2?depth=2",
      body: JSON.stringify({ title: "string", location: { city: "string" } }),
    },
    answer: { status: 200, body: { id: "number", title: "string" } },
  });
  t.notMatch(text, /Renamed|Here/);
});

t.test("a refusal is told with its stage, its code and what the partner got", async (t) => {
  const rows = [
    { path: `${A}/events/50`, stage: "forward|authorise|answer", code: "document.unknown", status: 404 },
    {
      path: "/partners/2026-02/tenant-c/events",
      stage: "resolveTenant",
      code: "tenant.unknown",
      status: 404,
    },
    { path: `${A}/users`, stage: "route", code: "route.unknown", status: 404 },
    { path: "/partners/1999-01/tenant-a/events", stage: "version", code: "version.unsupported", status: 400 },
    { path: `${A}/events`, stage: "authenticate", code: "key.rejected", status: 401, key: "a-stranger's" },
    { path: `${A}/events/50`, stage: "authorise", code: "document.unknown", status: 404, method: "DELETE" },
    {
      path: `${A}/events`,
      stage: "readBody",
      code: "body.malformed",
      status: 400,
      method: "POST",
      body: "[]",
    },
    {
      path: `${A}/events`,
      stage: "answer",
      code: "document.invalid",
      status: 422,
      method: "POST",
      body: "{}",
    },
  ];
  for (const { path, stage, code, status, key = cms.keys.partnerA, ...init } of rows) {
    const headers = { authorization: `users API-Key ${key}` };
    const { explained, code: exit } = await told(await sent(path, { headers, ...init }));
    t.equal(exit, 1);
    t.match(stagesIn(explained).at(-1), new RegExp(`^(?:${stage}) refused$`), `${path} ${code}`);
    t.match(explained, { verdict: "refused", answer: { status, body: { message: String } } });
    t.match(explained, { reason: new RegExp(`^${code.replace(".", "\\.")}`) });
  }
  const invalid = await told(await sent(`${A}/events`, { method: "POST", body: "{}" }));
  t.match(invalid.explained, { answer: { body: { errors: [{ path: "title" }] } } });
});

t.test("so is one that no stage refused: for its number, its key's place, its path", async (t) => {
  const headers = { authorization: `users API-Key ${cms.keys.partnerD}` };
  const path = "/partners/2026-02/tenant-d/events?limit=1";
  t.match((await told(await sent(path, { headers }))).explained, { verdict: "answered" });
  t.match((await told(await sent(path, { headers }))).explained, {
    verdict: "refused",
    reason: "key.limited",
    answer: { status: 429, headers: { ratelimit: String } },
  });
  t.match((await told(await sent("/api/events"))).explained, { reason: /^native\.keyed/, steps: [] });
  t.match((await told(await sent("/nowhere", { headers: {} }))).explained, { reason: /^route\.unknown/ });
  const malformed = await told(await sent(`${A}/events/%2e%2e%2fx`));
  t.match(malformed.explained, { target: "…", reason: /^request\.malformed/ });
});

t.test("for people it is printed as explain prints", async (t) => {
  const id = await sent(`${A}/events?limit=2`);
  const { out, code } = await runCli(["explain", "--request", id, "--admin-url", gateway.adminUrl], env);
  t.equal(code, 0);
  t.match(
    out,
    new RegExp(`^GET ${A}/events\\?limit=2\nrequest ${id}, \\d{4}-\\S+Z, [\\d.]+ ms, upstream default\n`),
  );
  t.match(out, /✓ authenticate .*key from memory/);
  t.match(out, /sent to the CMS:\n {2}GET \/api\/events\?where=/);
  t.match(out, /The request got through\.$/);
});

t.test("who may not look at the admin port is told nothing", async (t) => {
  const id = await sent(`${A}/events?limit=1`);
  for (const headers of [undefined, { authorization: "Bearer wrong" }]) {
    const response = await fetch(
      `${gateway.adminUrl}/explain/${id}`,
      headers === undefined ? {} : { headers },
    );
    t.equal(response.status, 401);
    t.notMatch(await response.text(), "steps");
  }
  const { err, code } = await runCli(["explain", "--request", id, "--admin-url", gateway.adminUrl]);
  t.equal(code, 1);
  t.match(err, /Send the admin token/);
});

t.test("what cannot be told is answered with what to do", async (t) => {
  const id = "8d0c3a52-0f1e-4c5b-9a57-6c1f0e7d2b44";
  const ask = (at: string, ...more: string[]) =>
    runCli(["explain", "--request", id, "--admin-url", at, ...more], env);
  const unknown = await ask(gateway.adminUrl);
  t.match(unknown, { code: 1, out: "", err: /the last 1000 \(trace\.keep\).*trace\.bytes.*Every replica/ });
  t.match(await ask("http://127.0.0.1:1"), { code: 1, err: /cannot be reached.*--admin-url/ });
  t.match(await ask(gateway.url), { code: 1, err: /./ });
  t.match(await ask("nonsense"), { code: 2, err: /--admin-url nonsense: expected/ });
  t.match(await ask(gateway.adminUrl, "--send"), { code: 2, err: /and nothing else/ });
  t.match(await runCli(["explain", "GET", "/x", "--request", id], env), { code: 2 });
  t.match(await runCli(["explain", "--request", "../metrics"], env), { code: 2, err: /requestId/ });
});

t.test("off it keeps nothing and says how to switch it on, which a reload does", async (t) => {
  const given = { partners: { collections: ["events"] } };
  const off = await startTestGateway(cms.url, given);
  t.teardown(() => off.stop());
  const read = async (): Promise<string> => {
    const response = await fetch(`${off.url}${A}/events?limit=1`, { headers: KEYED });
    await response.arrayBuffer();
    return response.headers.get("x-request-id") ?? "";
  };
  const ask = async (id: string) => {
    const response = await fetch(`${off.adminUrl}/explain/${id}`);
    return `${response.status} ${await response.text()}`;
  };
  const before = await read();
  t.match(await ask(before), /^404 .*set trace\.keep/);
  await off.reload(() => configFor(cms.url, { ...given, trace: { keep: 3 } }));
  t.match(await ask(before), /^404 .*the last 3 \(trace\.keep\)/, "what came before was not kept");
  const ids = [await read(), await read(), await read(), await read()];
  const answers = await Promise.all(ids.map(ask));
  t.strictSame(
    answers.map((answer) => answer.slice(0, 3)),
    ["404", "200", "200", "200"],
    "the newest three",
  );
  await off.reload(() => configFor(cms.url, { ...given, trace: { keep: 3, bytes: "100B" } }));
  t.match(await ask(await read()), /^404 .*trace\.bytes/, "nor is one that is too large");
});
