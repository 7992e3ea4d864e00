import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import t from "tap";
import { isObject } from "../../src/core/json.ts";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import { runCli } from "../support/prove.ts";

const root = join(import.meta.dirname, "../..");
const CONFIG = join(root, "test/support/demo/config.yaml");
const cms = await startCms();
const dir = mkdtempSync(join(tmpdir(), "partners-gateway-explain-"));
const body = join(dir, "body.json");
writeFileSync(body, JSON.stringify({ title: "Renamed", tenant: 3, "tenant.id": 3 }));
t.teardown(async () => {
  rmSync(dir, { recursive: true, force: true });
  await cms.close();
});
const env = { UPSTREAM_URL: cms.url, CONFIG_FILE: CONFIG, KEY: cms.keys.partnerA, NOBODY: "nobody" };

/** The explanation of a request with A's key, as `--json` prints it. */
async function explained(...words: string[]): Promise<{ code: number; told: Record<string, unknown> }> {
  const key = words.includes("--key-env") ? [] : ["--key-env", "KEY"];
  const { code, out, err } = await runCli(["explain", ...words, ...key, "--json"], env);
  if (err !== "") throw new Error(err);
  if (out.includes(cms.keys.partnerA)) throw new Error(`a key in ${out}`);
  const told: unknown = JSON.parse(out);
  return { code, told: isObject(told) ? told : {} };
}

const stagesIn = (told: Record<string, unknown>): unknown[] =>
  Array.isArray(told["steps"])
    ? told["steps"].map((step: unknown) =>
        isObject(step) ? `${String(step["stage"])} ${String(step["outcome"])}` : "",
      )
    : [];

t.test("takes a list through every stage up to the one that would send it", async (t) => {
  cms.takeRequests();
  const { code, told } = await explained("GET", "/partners/2026-02/tenant-a/events?limit=5&depth=0");
  t.equal(code, 0);
  t.equal(told["verdict"], "ready");
  t.strictSame(stagesIn(told), [
    "receive passed",
    "authenticate passed",
    "version passed",
    "resolveTenant passed",
    "route passed",
    "readBody passed",
    "authorise passed",
    "prepare passed",
    "forward stopped",
  ]);
  t.match(told, {
    steps: [
      { stage: "receive", asked: [] },
      {
        stage: "authenticate",
        from: { key: "cms" },
        adds: { principal: { userId: 2, credential: "[secret]" } },
      },
      { adds: { version: { name: "2026-02" } } },
      { from: { tenant: "cms" }, adds: { tenant: { id: 1, slug: "tenant-a" } } },
      { adds: { operation: { kind: "list", collection: "events" } } },
      {},
      { adds: { permit: { scope: [1, 2] } } },
    ],
    upstream: { method: "GET", headers: { authorization: /^users API-Key sha256:[\w-]{8}…$/ } },
  });
  t.notOk(
    cms.takeRequests().some(({ path }) => path.startsWith("/api/events")),
    "it is not sent",
  );
});

t.test("shows the same upstream request that the gateway sends", async (t) => {
  const target =
    "/partners/2026-02/tenant-a/pages?where[title][like]=page&sort=-title&depth=1&select[title]=true";
  const { told } = await explained("GET", target);
  const gateway = await startTestGateway(cms.url, {
    partners: { collections: ["pages", "posts", "events", "venues", "media", "files"] },
  });
  t.teardown(() => gateway.stop());
  cms.takeRequests();
  await fetch(gateway.url + target, { headers: { authorization: `users API-Key ${cms.keys.partnerA}` } });
  const sent = cms.takeRequests().find(({ path }) => path.startsWith("/api/pages"));
  t.match(told, { upstream: { method: "GET", target: sent?.path } });
  for (const name of ["x-basker-tenant-id", "x-basker-tenant-slug", "accept", "accept-encoding"])
    t.match(told, { upstream: { headers: { [name]: sent?.headers[name] } } });
});

t.test("shows the body of a write as the CMS would receive it, after the ownership lookup", async (t) => {
  const { told } = await explained("PATCH", "/partners/2026-02/tenant-a/events/2", "--body", body);
  t.match(told, {
    verdict: "ready",
    upstream: { method: "PATCH", target: "/api/events/2?depth=2" },
  });
  const { upstream } = told;
  t.strictSame(isObject(upstream) && JSON.parse(String(upstream["body"])), { title: "Renamed" });
  const event = await cms.payload.findByID({ collection: "events", id: 2, depth: 0 });
  t.equal(event["title"], "A event 2", "nothing was written");
});

t.test("a rejection names the stage, the code and the partner's response", async (t) => {
  const foreign = await explained("DELETE", "/partners/2026-02/tenant-a/events/50");
  t.equal(foreign.code, 1);
  t.equal(stagesIn(foreign.told).at(-1), "authorise refused");
  t.match(foreign.told, {
    verdict: "refused",
    reason: /^document\.unknown/,
    answer: { status: 404, body: { message: "Document not found for tenant" } },
  });
  const other = await explained("GET", "/partners/2026-02/tenant-c/events");
  t.equal(stagesIn(other.told).at(-1), "resolveTenant refused");
  const nobody = await explained("GET", "/partners/2026-02/tenant-a/events", "--key-env", "NOBODY");
  t.equal(stagesIn(nobody.told).at(-1), "authenticate refused");
  t.match(nobody.told, { answer: { status: 401 } });
});

t.test("parses --header like a header on the wire", async (t) => {
  const { told } = await explained(
    "GET",
    "/partners/2026-02/x/events",
    "--header",
    "x-basker-tenant-id: 9",
    "--header",
    "X-Basker-Tenant-Slug: tenant-a",
  );
  t.match(told, { verdict: "ready", upstream: { headers: { "x-basker-tenant-slug": "tenant-a" } } });
});

t.test("applies the server's routing to native paths", async (t) => {
  t.match((await explained("GET", "/api/events")).told, { verdict: "refused", answer: { status: 403 } });
  t.match((await explained("GET", "/nowhere")).told, { verdict: "refused", answer: { status: 403 } });
  t.match((await explained("GET", "/api/%2e%2e/x")).told, { verdict: "refused", answer: { status: 400 } });
  const { out, code } = await runCli(["explain", "GET", "/api/events"], env);
  t.match(out, /passes through to the CMS untouched/);
  t.equal(code, 0);
});

t.test("shows the shape of the response with --send", async (t) => {
  const { told, code } = await explained(
    "GET",
    "/partners/2026-02/tenant-a/events?limit=2&depth=0",
    "--send",
  );
  t.equal(code, 0);
  t.match(told, {
    verdict: "answered",
    answer: { status: 200, body: { docs: ["2 ×", { id: "number", title: "string" }], totalDocs: "number" } },
  });
  t.notMatch(JSON.stringify(told["answer"]), /A event/);
});

t.test("prints one line per stage and the request, without --json", async (t) => {
  const { out, code } = await runCli(
    ["explain", "GET", "/partners/2026-02/tenant-a/events", "--key-env", "KEY"],
    env,
  );
  t.equal(code, 0);
  t.match(out, /✓ authenticate .*key from the CMS/);
  t.match(out, /asked GET \/api\/users\/me\?depth=0 → 200/);
  t.match(out, /would be sent to the CMS:\n {2}GET \/api\/events\?where=/);
  t.match(out, /The request gets through\.$/);
  t.notOk(out.includes(cms.keys.partnerA));
});

t.test("runs as a process and exits by itself", async (t) => {
  const child = spawn(
    process.execPath,
    ["src/cli/main.ts", "explain", "GET", "/partners/2026-02/tenant-a/events", "--key-env", "KEY", "--json"],
    { cwd: root, env: { ...process.env, ...env } },
  );
  const [out] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  t.equal(child.exitCode, 0);
  t.match(JSON.parse(out), { verdict: "ready" });
});
