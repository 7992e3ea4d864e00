import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { isObject } from "../../src/core/json.ts";
import { badOrigin, type BadOrigin } from "../support/bad-origin.ts";
import { startCms } from "../support/cms/server.ts";
import { startDeafCms } from "../support/deaf-cms.ts";
import { startTestGateway } from "../support/gateway.ts";
import { runCli } from "../support/prove.ts";

const cms = await startCms();
t.teardown(() => cms.close());

const dir = mkdtempSync(join(tmpdir(), "partners-gateway-audit-"));
const CATEGORIES = join(dir, "gateway.yaml");
writeFileSync(CATEGORIES, "partners: {collections: [events, categories]}\n");
const EVENTS = join(dir, "events.yaml");
writeFileSync(EVENTS, "partners: {collections: [events]}\n");
const DECLARED = join(dir, "declared.yaml");
writeFileSync(
  DECLARED,
  "partners: {collections: [events, venues], tripwire: off}\n" +
    "cms: {relations: {events: {venue: venues}}, joins: {venues: {events: events}}}\n",
);
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

interface Audit {
  readonly code: number;
  readonly text: string;
  /** The severities, by check. */
  readonly found: Readonly<Record<string, string>>;
  readonly seen: Readonly<Record<string, string>>;
}

async function auditOf(
  upstream: string,
  argv: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Audit> {
  const ran = await runCli(["audit", "--json", ...argv], { UPSTREAM_URL: upstream, ...env });
  const report: unknown = JSON.parse(ran.out);
  const findings =
    isObject(report) && Array.isArray(report["findings"]) ? report["findings"].filter(isObject) : [];
  const by = (field: string) =>
    Object.fromEntries(findings.map((finding) => [String(finding["check"]), String(finding[field])]));
  return { code: ran.code, text: ran.out + ran.err, found: by("severity"), seen: by("seen") };
}

t.test("audits a live CMS by its responses, and writes nothing", async (t) => {
  const count = async () => (await cms.payload.count({ collection: "users" })).totalDocs;
  const before = await count();
  cms.takeRequests();
  const { code, found, seen, text } = await auditOf(cms.url, ["--key-env", "KEY"], {
    KEY: cms.keys.partnerA,
  });
  t.match(found, {
    "cms.answers": "note",
    "cms.keep-alive": "ok",
    "cms.users-closed": "ok",
    "cms.key-leak": "ok",
    "cms.tenant-headers": "ok",
    "cms.stacks": "ok",
    "cms.method-override": "note",
    "cms.collections": "low",
    "cms.tenant-field": "ok",
    "cms.reach": "medium",
    "cms.withheld": "low",
  });
  t.match(seen["cms.withheld"], /, events\.venue \(\d+ relations\), venues\.events \(\d+ joins\)$/);
  t.match(text, "cms.relations: {events: {venue: <collection>}}");
  t.match(text, "cms.joins: {venues: {events: <collection>}}");
  t.match(seen["cms.reach"], /create or delete users, tenants, tenant-groups, and read categories, secrets/);
  t.match(seen["cms.collections"], /blogs, people/);
  t.equal(code, 1, "a finding of medium severity");
  t.notMatch(text, cms.keys.partnerA);
  const asked = cms.takeRequests();
  t.ok(asked.length < 100, `${asked.length} requests`);
  t.strictSame(
    asked.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`),
    ["POST /api/users/me?depth=0"],
    "the request about method overrides goes to a path that accepts no POST",
  );
  t.equal(await count(), before);
});

t.test(
  "names withheld sample values until a setting declares them, and ranks a breach highest",
  async (t) => {
    const given = { KEY: cms.keys.partnerA, CONFIG_FILE: DECLARED };
    const { seen, text } = await auditOf(cms.url, ["--key-env", "KEY"], given);
    t.match(text, "no declaration changes venues.events: ");
    t.match(text, "cms.relations: {events: {category: <collection>}}");
    t.notMatch(text, /cms\.(?:relations|joins): \{\w+: \{(?:venue|events)/);
    t.notMatch(seen["cms.withheld"], /foreign|C venue/);
    const deaf = await startDeafCms(cms.url);
    t.teardown(() => deaf.close());
    const { found } = await auditOf(deaf.url, ["--key-env", "KEY"], { ...given, CONFIG_FILE: EVENTS });
    t.equal(found["cms.withheld"], "high", "the CMS ignored the gateway's condition");
  },
);

t.test("identifies a collection without a tenant field", async (t) => {
  const given = { KEY: cms.keys.partnerA, CONFIG_FILE: CATEGORIES };
  const { found, seen } = await auditOf(cms.url, ["--key-env", "KEY"], given);
  t.equal(found["cms.tenant-field"], "medium");
  t.match(seen["cms.tenant-field"], /field tenant: categories;/);
});

t.test("without a key, and with an unknown one, reports the checks that it could not run", async (t) => {
  const asked = [auditOf(cms.url), auditOf(cms.url, ["--key-env", "KEY"], { KEY: "nobody" })] as const;
  const [without, stranger] = await Promise.all(asked);
  t.match(without.found, {
    "cms.key-leak": "unknown",
    "cms.tenant-headers": "unknown",
    "cms.reach": "unknown",
    "cms.withheld": "unknown",
  });
  t.equal(without.code, 0);
  t.match(stranger.found, { "cms.key-leak": "unknown", "cms.tenant-headers": "unknown" });
});

t.test("finds a CMS that is old, reveals details and trusts forged headers", async (t) => {
  // Behaviour that Payload 3.90 no longer has, or only with settings that no fixture should have.
  const old = createServer((request, response) => {
    const url = request.url ?? "";
    const isKeyed = request.headers.authorization !== undefined;
    const isClaimed = request.headers["x-basker-tenant-id"] !== undefined;
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (url.startsWith("/api/users/me")) {
      if (request.method === "POST") return answer(404, {});
      return answer(200, { user: isKeyed ? { id: 1, apiKey: "in-clear" } : null });
    }
    if (url.startsWith("/api/users")) return answer(200, { docs: [{ id: 1 }] });
    if (url.startsWith("/api/tenants"))
      return isKeyed && !url.includes("where=")
        ? answer(200, { docs: [{ id: 1, slug: "one" }] })
        : answer(403, { errors: [{ message: "no", stack: "Error: at x.ts" }] });
    if (url.startsWith("/api/access"))
      return answer(200, { collections: { pages: { read: true }, drafts: { read: true } } });
    return answer(200, { docs: [{ id: isClaimed ? 2 : 1 }] });
  }).listen(0, "127.0.0.1");
  // No keep-alive, so that the audit need not wait for it. Another test measures the idle timeout.
  old.keepAliveTimeout = 1;
  await once(old, "listening");
  t.teardown(() => {
    old.close();
    old.closeAllConnections();
  });
  const address = old.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { code, found, seen, text } = await auditOf(`http://127.0.0.1:${port}`, ["--key-env", "KEY"], {
    KEY: "k",
  });
  t.match(found, {
    "cms.users-closed": "high",
    "cms.key-leak": "high",
    "cms.tenant-headers": "high",
    "cms.stacks": "medium",
    "cms.method-override": "ok",
    "cms.collections": "ok",
    "cms.reach": "note",
  });
  t.match(seen["cms.reach"], /also reads drafts/);
  t.equal(code, 1);
  t.notMatch(text, "in-clear");
});

/**
 * A CMS that answers a key with no user. It closes a connection without a key at once, which the audit uses
 * to measure the idle timeout.
 */
function startHasty(): Promise<BadOrigin> {
  return badOrigin((socket, head) => {
    const body = '{"user":null}';
    socket.write(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    if (!/^authorization:/im.test(head)) socket.end();
  });
}

t.test("reports a CMS that closes idle connections before the gateway does", async (t) => {
  const hasty = await startHasty();
  t.teardown(() => hasty.close());
  const { found, seen } = await auditOf(hasty.url.origin);
  t.equal(found["cms.keep-alive"], "medium");
  t.match(seen["cms.keep-alive"], /closes an idle connection after \d+ ms \(upstream\.keepAlive 4000 ms/);
});

t.test("identifies the server at a public address by its response to an invalid key", async (t) => {
  const gateway = await startTestGateway(cms.url);
  const hasty = await startHasty();
  const other = await badOrigin((socket) => socket.end("HTTP/1.1 204 No Content\r\n\r\n"));
  t.teardown(async () => {
    await gateway.stop();
    await other.close();
    await hasty.close();
  });
  const origins = [gateway.url, cms.url, other.url.origin];
  const { code, found } = await auditOf(
    hasty.url.origin,
    origins.flatMap((origin) => ["--public", origin]),
  );
  t.strictSame(
    origins.map((origin) => found[`public ${origin}`]),
    ["ok", "high", "medium"],
  );
  t.equal(code, 1);
});

t.test("--outside: the CMS must not answer from the partners' network, and the gateway must", async (t) => {
  const open = await auditOf(cms.url, ["--outside"]);
  t.match(open, { code: 1, found: { "cms.answers": "high" } });
  const nobody = "http://127.0.0.1:1";
  t.match(await auditOf(nobody, ["--outside"]), { code: 0, found: { "cms.answers": "ok" } });
  t.match(await auditOf(nobody), { code: 1, found: { "cms.answers": "high" } });
});

t.test("prints the most severe findings first, each with a remedy", async (t) => {
  const { code, out } = await runCli(["audit", "--offline"], { UPSTREAM_URL: "http://cms.example.com" });
  t.equal(code, 1);
  t.match(
    out,
    /^medium +config\.plain-upstream: .*\n +-> use https:\/\/[^]*\nlow +config\.service-key[^]*\nnote /,
  );
  t.notOk(out.includes("\u001b"), "no colours without a terminal");
  t.equal((await runCli(["audit", "--public", "nonsense"], {})).code, 2);
});
