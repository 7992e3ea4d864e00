import { request as httpRequest } from "node:http";
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import { readPosts } from "../support/partner.ts";
import { rawConnect, rawRequest } from "../support/raw.ts";

const TOKEN = "the-token-of-the-admin-port";
const cms = await startCms({ record: false });
const settings = { partners: { collections: ["posts"] } };
const open = await startTestGateway(cms.url, settings);
const closed = await startTestGateway(cms.url, { ...settings, server: { adminToken: TOKEN } });
t.teardown(async () => {
  await Promise.all([open.stop(), closed.stop()]);
  await cms.close();
});

const SHOWN = ["/", "/status.css", "/main.js", "/metrics", "/events"];
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;

/** Resolves with the status and aborts the rest of the answer: an event stream has no end. */
async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const controller = new AbortController();
  const { status } = await fetch(url, { headers, signal: controller.signal });
  controller.abort();
  return status;
}

/** Resolves with the status of `/metrics` for this `Host` header. */
function statusFor(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: "127.0.0.1", port, path: "/metrics", headers: { host } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.once("error", reject).end();
  });
}

t.test("with a token set, page, events and metrics require it, as a bearer or as a password", async (t) => {
  for (const path of SHOWN) {
    const url = `${closed.adminUrl}${path}`;
    t.equal(await statusOf(url), 401, `${path} without a token`);
    t.equal(await statusOf(url, { authorization: `Bearer ${TOKEN}x` }), 401, `${path} with a wrong bearer`);
    t.equal(
      await statusOf(url, { authorization: basic(`admin:${TOKEN}x`) }),
      401,
      `${path} with a wrong password`,
    );
    t.equal(await statusOf(url, { authorization: basic(TOKEN) }), 401, `${path} with a user name alone`);
    t.equal(await statusOf(url, { authorization: `Bearer ${TOKEN}` }), 200, `${path} with the bearer`);
    t.equal(await statusOf(url, { authorization: basic(`admin:${TOKEN}`) }), 200, `${path} as password`);
  }
  const asked = await fetch(`${closed.adminUrl}/`);
  t.match(asked.headers.get("www-authenticate"), /^Basic realm="/, "the browser prompts for the password");
});

t.test("health endpoints need no token, and a purge accepts it only as a bearer token", async (t) => {
  for (const path of ["/livez", "/readyz"]) t.not(await statusOf(`${closed.adminUrl}${path}`), 401, path);
  // A browser adds a saved password to a form that any other site submits.
  const answer = await fetch(`${closed.adminUrl}/purge`, {
    method: "POST",
    headers: { authorization: basic(`admin:${TOKEN}`), "content-type": "text/plain" },
    body: '{"all":true}',
  });
  t.equal(answer.status, 401);
});

t.test("without a token, the admin port answers only a Host that names loopback", async (t) => {
  for (const host of [
    `127.0.0.1:${open.adminPort}`,
    "localhost",
    `localhost:${open.adminPort}`,
    "[::1]:9090",
  ])
    t.equal(await statusFor(open.adminPort, host), 200, host);
  for (const host of ["rebound.example", "localhost.example", "127.0.0.1.example:9090", "127.0.0.1@x"])
    t.equal(await statusFor(open.adminPort, host), 403, host);
});

t.test("every file of the page has a strict Content-Security-Policy and is never cached", async (t) => {
  for (const path of ["/", "/status.css", "/main.js", "/tables.js"]) {
    const answer = await fetch(`${open.adminUrl}${path}`);
    const policy = answer.headers.get("content-security-policy") ?? "";
    t.equal(answer.status, 200, path);
    t.match(policy, /^default-src 'none'; script-src 'self'; /);
    t.notMatch(policy, /unsafe|\*|https?:/);
    t.equal(answer.headers.get("cache-control"), "no-store");
    t.equal(answer.headers.get("x-content-type-options"), "nosniff");
    const text = await answer.text();
    t.notMatch(text, /(?:src|href|url\(|import)\s*[=(]?\s*["']?(?:https?:)?\/\//, "no other origin");
    t.notMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b/);
  }
});

t.test("events carry the data of the log and the metrics, and neither keys nor bodies", async (t) => {
  t.equal((await readPosts(open, "partnerA")).status, 200);
  t.equal((await readPosts(open, "disabled")).status, 401);
  const stream = await rawConnect(open.adminPort);
  stream.send(rawRequest(["GET /events HTTP/1.1", "Host: localhost"]));
  const text = await stream.until(/data: \{.*\}\n\n/);
  t.match(text, /content-type: text\/event-stream/i);
  const snapshot: unknown = JSON.parse(/data: (\{.*\})\n/.exec(text)?.[1] ?? "");
  t.match(snapshot, {
    health: { ready: true, parts: { cms: "ok" } },
    load: { connections: { most: 64 }, breakerOpen: false },
    tenants: [
      { name: "none", refused: 1 },
      { name: "tenant-a", answered: 1 },
    ],
    uses: [{ userId: "2", version: "2026-02" }],
    refusals: [{ code: "key.rejected", status: 401, stage: "authenticate" }],
  });
  for (const key of Object.values(cms.keys)) t.notMatch(text, key);
  stream.socket.destroy();
});

t.test("native requests are counted by their client's status, including refused keys", async (t) => {
  await (await fetch(`${open.url}/api/posts?limit=1`)).arrayBuffer();
  const keyed = { authorization: `users API-Key ${cms.keys.partnerA}` };
  await (await fetch(`${open.url}/api/posts`, { headers: keyed })).arrayBuffer();
  const metrics = await (await fetch(`${open.adminUrl}/metrics`)).text();
  t.match(metrics, /\ngateway_native_requests_total\{status="[24]xx"\} [1-9]/);
  t.match(metrics, '\ngateway_errors_total{code="native.keyed"} 1\n');
});
