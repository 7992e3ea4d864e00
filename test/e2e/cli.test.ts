import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import t from "tap";
import { COMMANDS } from "../../src/cli/commands.ts";
import { startOrigin } from "../unit/http/proxy/front.ts";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import { proofOf, runCli } from "../support/prove.ts";

const root = join(import.meta.dirname, "../..");
const UPSTREAM_URL = "http://127.0.0.1:9";

t.test("every command has a help text with examples", async (t) => {
  const overview = await runCli(["--help"]);
  t.equal(overview.code, 0);
  t.match(overview.out, /Exit codes: 0 .* 1 .* 2 /);
  for (const { name } of COMMANDS) {
    t.match(overview.out, new RegExp(`^ +${name} `, "m"));
    const { code, out } = await runCli([name, "--help"]);
    t.equal(code, 0, name);
    t.match(out, new RegExp(`Usage: partners-gateway ${name}`));
    t.match(out, /Examples:\n {2}\S/, name);
  }
});

t.test("an invalid command line exits with 2 and a suggestion", async (t) => {
  for (const [argv, said] of [
    [[], /Usage/],
    [["prov"], /there is no command prov; did you mean prove\?/],
    [["quarantine"], /known are start, check, /],
    [["check", "--liv"], /there is no flag --liv; did you mean --live\?/],
    [["check", "now"], /unexpected argument "now"/],
    [["check", "--live=yes"], /--live/],
    [["explain"], /a method and a path/],
    [["explain", "GET", "/x", "--header", "nothing"], /expected name: value/],
    [["prove"], /--gateway is needed[^]*PROVE_KEY_A[^]*PROVE_KEY_B/],
    [["prove", "--write"], /add --yes[^]*--samples/],
    [["prove", "--gateway", "http://a/b"], /--gateway is needed: an origin/],
    [["prove", "--only", "nothing"], /there is no such block/],
    [["prove", "--concurrency", "0"], /--concurrency 0: a number of at least 1/],
  ] as const) {
    const { code, err } = await runCli([...argv]);
    t.equal(code, 2, argv.join(" "));
    t.match(err, said);
  }
});

t.test("check prints every problem, or the whole configuration without secrets", async (t) => {
  const nothing = await runCli(["check"], { PORT: "many" });
  t.equal(nothing.code, 1);
  t.match(nothing.err, /2 problems:\n.*\n.*/);
  const asJson = await runCli(["check", "--json"], { PORT: "many" });
  t.match(JSON.parse(asJson.out), { ok: false, problems: [String, String] });
  const long = "s3cret-".repeat(6);
  const env = {
    UPSTREAM_URL,
    CMS_SERVICE_KEY: "s3cret-key",
    REDIS_URL: "redis://user:s3cret@127.0.0.1:6379",
    ADMIN_TOKEN: long,
    CACHE_SECRET: long,
  };
  const fine = await runCli(["check"], env);
  t.equal(fine.code, 0);
  t.match(fine.out, /serviceKey: "?\[secret\]/);
  t.match(fine.out, /redis:\/\/\[secret\]@127\.0\.0\.1:6379/);
  t.notMatch(fine.out, /s3cret/);
  t.notOk(fine.out.includes("\u001b"), "no colours without a terminal");
});

t.test(
  "check warns of replicas that share a port and no Redis, and the configuration is valid",
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "replicas-"));
    t.teardown(() => rmSync(dir, { recursive: true }));
    const CONFIG_FILE = join(dir, "gateway.yaml");
    writeFileSync(CONFIG_FILE, "server: {reusePort: true}\n");
    const { code, err } = await runCli(["check"], { UPSTREAM_URL, CONFIG_FILE });
    t.equal(code, 0);
    t.match(err, /redis\.url: replicas share a port \(server\.reusePort\) and no Redis: .*; set REDIS_URL/);
    const { out } = await runCli(["check", "--json"], { UPSTREAM_URL, CONFIG_FILE, REDIS_URL: "redis://r" });
    const { ok, warnings }: { ok: boolean; warnings: string[] } = JSON.parse(out);
    t.equal(ok, true);
    t.notOk(warnings.some((warning) => warning.startsWith("redis.url")));
  },
);

t.test("check --live sends requests to the CMS and verifies the gateway's own key", async (t) => {
  const cms = await startCms({ record: false });
  t.teardown(() => cms.close());
  t.equal((await runCli(["check", "--live"], { UPSTREAM_URL: cms.url })).code, 0);
  t.equal(
    (await runCli(["check", "--live"], { UPSTREAM_URL: cms.url, CMS_SERVICE_KEY: cms.keys.service })).code,
    0,
  );
  const stranger = await runCli(["check", "--live"], { UPSTREAM_URL: cms.url, CMS_SERVICE_KEY: "nobody" });
  t.equal(stranger.code, 1);
  t.match(stranger.err, /cms\.serviceKey .* no user with this key/);
  const slashed = await startOrigin(t, (request, response) => {
    response.writeHead(308, { location: `${request.url ?? ""}/` }).end();
  });
  t.match(
    (await runCli(["check", "--live"], { UPSTREAM_URL: slashed.url.origin })).err,
    /set cms\.trailingSlash/,
  );
  const away = await runCli(["check", "--live", "--json"], { UPSTREAM_URL });
  t.equal(away.code, 1);
  t.match(JSON.parse(away.out), { ok: false, problems: [/could not be probed/] });
});

t.test("prove --samples accepts only JSON objects with a marker", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "partners-gateway-cli-"));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "samples.json");
  writeFileSync(file, JSON.stringify({ pages: { title: "no mark" }, posts: [] }));
  const { code, err } = await runCli(["prove", "--write", "--yes", "--samples", file]);
  t.equal(code, 2);
  t.match(err, /pages: put \{marker\}[^]*posts: a body is a JSON object/);
});

t.test("prove stops before its first case if a key does not reach its own tenant", async (t) => {
  const cms = await startCms({ record: false });
  t.teardown(() => cms.close());
  const argv = ["prove", "--gateway", cms.url, "--tenant-a", "tenant-a", "--tenant-b", "tenant-b"];
  const { code, out, err } = await runCli(argv, { PROVE_KEY_A: "a", PROVE_KEY_B: "b" });
  t.equal(code, 1);
  t.equal(out, "");
  t.match(err, /Key A cannot list pages of its own tenant tenant-a: 404/);
});

t.test("prove proves nothing if neither tenant has a record", async (t) => {
  const cms = await startCms({ record: false });
  const gateway = await startTestGateway(cms.url, { partners: { collections: ["media"] } });
  t.teardown(async () => {
    await gateway.stop();
    await cms.close();
  });
  await cms.payload.delete({ collection: "media", where: { tenant: { equals: 3 } } });
  const { argv, env } = proofOf(gateway.url);
  const { code, err } = await runCli([...argv, "--only", "versions"], env);
  t.equal(code, 1);
  t.match(err, /nothing could be proven/);
});

for (const entry of [["src/main.ts"], ["src/cli/main.ts", "start"]]) {
  t.test(`${entry.join(" ")} serves until SIGTERM, and then exits with 0`, async (t) => {
    const child = spawn(process.execPath, entry, {
      cwd: root,
      env: { ...process.env, UPSTREAM_URL, HOST: "127.0.0.1", PORT: "0", ADMIN_PORT: "0" },
    });
    const [first]: unknown[] = await once(child.stdout, "data");
    t.match(JSON.parse(String(first).split("\n", 1)[0] ?? ""), { msg: "listening" });
    child.kill("SIGTERM");
    const [err] = await Promise.all([text(child.stderr), once(child, "exit")]);
    t.equal(child.exitCode, 0);
    t.equal(err, "");
  });
}
