import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import t from "tap";
import { badOrigin } from "../support/bad-origin.ts";
import { startCms } from "../support/cms/server.ts";
import { runCli } from "../support/prove.ts";
import { startRedis } from "../support/redis.ts";

/** Every mistake in the settings gets one message that says what to change. */

const dir = mkdtempSync(join(tmpdir(), "wrong-settings-"));
const file = join(dir, "gateway.yaml");
const cms = await startCms({ record: false });
const redis = await startRedis(["--requirepass", "right"]);
const website = await badOrigin((socket) => {
  socket.end("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello");
});
const taken = createServer().listen(0, "127.0.0.1");
await once(taken, "listening");
const address = taken.address();
const takenPort = String(typeof address === "object" && address !== null ? address.port : 0);
/** A port without a listener. */
const closedPort = 1;
t.teardown(async () => {
  taken.close();
  rmSync(dir, { recursive: true, force: true });
  await Promise.all([cms.close(), redis.close(), website.close()]);
});

const redisAt = (credentials: string) => `redis://${credentials}127.0.0.1:${redis.port}`;

type Wrong = readonly [what: string, yaml: string, env: Record<string, string>, said: RegExp];

const WRONG: readonly Wrong[] = [
  ["a misspelt section", "severs: {}", {}, /:1:1 severs: there is no such setting; did you mean server\?$/],
  ["a misspelt key", "server:\n  prot: 1", {}, /:2:3 server\.prot: .*; did you mean port\?$/],
  ["a key of another section", "cms:\n  port: 1", {}, /:2:3 cms\.port: .*; known are apiPath, /],
  [
    "a wrong unit",
    "limits:\n  body: 1MB",
    {},
    /:2:3 limits\.body: expected a size such as 512B, .*got "1MB"$/,
  ],
  ["no unit", "partners: {deadline: 30}", {}, /:1:12 partners\.deadline: expected a duration such as 250ms/],
  ["no CMS", "", { UPSTREAM_URL: "" }, /^upstream\.url: set UPSTREAM_URL .* such as http:/],
  [
    "a misspelt variable",
    "",
    { UPSTREAM_URL: "", UPSTREAM_ULR: "http://cms" },
    /set UPSTREAM_URL .*UPSTREAM_ULR is set/,
  ],
  [
    "a CMS with a path",
    "",
    { UPSTREAM_URL: "http://cms/api" },
    /\(UPSTREAM_URL\): expected an origin .*without a path$/,
  ],
  [
    "a collection that may never be exposed",
    "partners:\n  collections: [pages, users]",
    {},
    /:2:24 partners\.collections: users can never be exposed: .*; remove it$/,
  ],
  [
    "a version twice",
    "partners: {versions: ['2026-02', '2026-02']}",
    {},
    /2026-02 is listed twice; remove one$/,
  ],
  [
    "dates of an unsupported version",
    "partners: {versionSettings: {2024-01: {}}}",
    {},
    /2024-01 is no supported version; known are 2025-07, 2026-02$/,
  ],
  [
    "a port that is not a number",
    "",
    { PORT: "eighty" },
    /^server\.port \(PORT\): expected a port number from/,
  ],
  [
    "a port out of range",
    "server: {port: 70000}",
    {},
    /:1:10 server\.port: expected a port number from 0 to 65535$/,
  ],
  [
    "a Redis without a scheme",
    "",
    { REDIS_URL: "cache:6379" },
    /\(REDIS_URL\): expected a redis:\/\/ or rediss:/,
  ],
  [
    "two Redises",
    "redis: {cluster: [a:1]}",
    { REDIS_URL: "redis://b" },
    /^.*redis: give one of url, sentinels/,
  ],
  ["a short secret", "", { CACHE_SECRET: "abc" }, /\(CACHE_SECRET\): expected at least 32 characters$/],
  ["a short token", "", { ADMIN_TOKEN: "abc" }, /\(ADMIN_TOKEN\): expected at least 16 characters$/],
  [
    "a variable that is not set",
    "log: {level: '${LEVEL}'}",
    {},
    /:1:14 \$\{LEVEL\} is not set; set LEVEL, or write/,
  ],
  ["a list that is not closed", "server:\n  trustedProxies: [", {}, /:2:20 Flow sequence/],
  ["a key twice", "log: {}\nlog: {}", {}, /:2:1 Map keys must be unique$/],
  ["a missing file", "", { CONFIG_FILE: "/nowhere/x.yaml" }, /CONFIG_FILE \/nowhere\/x\.yaml: ENOENT/],
  [
    "a secret twice",
    "",
    { CMS_SERVICE_KEY: "x", CMS_SERVICE_KEY_FILE: file },
    /\(CMS_SERVICE_KEY_FILE\): CMS_SERVICE_KEY is set as well; set one of the two$/,
  ],
  [
    "a secret that is not mounted",
    "",
    { ADMIN_TOKEN_FILE: "/nowhere/t" },
    /\(ADMIN_TOKEN_FILE\): cannot be read: ENOENT/,
  ],
  ["an unknown log level", "", { LOG_LEVEL: "loud" }, /\(LOG_LEVEL\): .*"fatal"\|"error"/],
  [
    "a host name as a trusted proxy",
    "server: {trustedProxies: [lb]}",
    {},
    /trustedProxies\.0: expected an address or a CIDR/,
  ],
];

/** The one problem that the CLI reports, about the configuration or about the servers in it. */
async function problemOf(
  argv: readonly string[],
  yaml: string,
  env: Record<string, string>,
): Promise<string> {
  writeFileSync(file, yaml);
  const { code, out } = await runCli([...argv, "--json"], {
    UPSTREAM_URL: cms.url,
    CONFIG_FILE: file,
    ...env,
  });
  const report: { ok: boolean; problems: string[] } = JSON.parse(out);
  const [problem, ...more] = report.problems;
  if (code !== 1 || problem === undefined || more.length > 0) throw new Error(`exit ${code}, ${out}`);
  return problem;
}

for (const [what, yaml, env, said] of WRONG)
  t.test(`check reports ${what}`, async (t) => t.match(await problemOf(["check"], yaml, env), said));

/** For a Redis or a process that is slow to answer. */
const PATIENT = "redis: {connectTimeout: 2m, commandTimeout: 2m}";

const LIVE: readonly Wrong[] = [
  [
    "an unreachable CMS",
    "",
    { UPSTREAM_URL: `http://127.0.0.1:${closedPort}` },
    /upstream\.url: the CMS at .*ECONNREFUSED/,
  ],
  [
    "a website that is not a CMS",
    "",
    { UPSTREAM_URL: website.url.origin },
    /upstream\.url: the CMS at .* could not be probed/,
  ],
  [
    "an unknown service key",
    "",
    { CMS_SERVICE_KEY: "nobody" },
    /\(CMS_SERVICE_KEY\): the CMS knows no user with this key$/,
  ],
  [
    "an unreachable Redis",
    PATIENT,
    { REDIS_URL: `redis://127.0.0.1:${closedPort}` },
    /\(REDIS_URL\): .*ECONNREFUSED/,
  ],
  [
    "a wrong Redis password",
    PATIENT,
    { REDIS_URL: redisAt(":wrong@") },
    /REDIS_PASSWORD.*: Redis rejects it \(WRONGPASS/,
  ],
  [
    "a Redis user without rights",
    PATIENT,
    { REDIS_URL: redisAt(""), REDIS_USERNAME: "x", REDIS_PASSWORD: "y" },
    /rejects it with redis\.username/,
  ],
  [
    "a missing Redis password",
    PATIENT,
    { REDIS_URL: redisAt("") },
    /\(REDIS_PASSWORD\): Redis requires a password/,
  ],
];

for (const [what, yaml, env, said] of LIVE)
  t.test(`check --live reports ${what}`, async (t) => {
    const problem = await problemOf(["check", "--live"], yaml, env);
    t.match(problem, said);
    t.notMatch(problem, "wrong@");
  });

t.test("check --live accepts the right Redis password", async (t) => {
  writeFileSync(file, PATIENT);
  const env = { UPSTREAM_URL: cms.url, CONFIG_FILE: file, REDIS_URL: redisAt(""), REDIS_PASSWORD: "right" };
  t.match(await runCli(["check", "--live"], env), { code: 0, err: /The CMS and Redis answer\./ });
});

const ADDRESSES: readonly [string, Record<string, string>, RegExp][] = [
  [
    "a port taken",
    { PORT: takenPort },
    /server\.port \(PORT, HOST\): 127\.0\.0\.1:\d+ is taken by another process/,
  ],
  [
    "an admin port taken",
    { ADMIN_PORT: takenPort },
    /server\.adminPort \(ADMIN_PORT, ADMIN_HOST\): .* is taken/,
  ],
  [
    "an address of another machine",
    { HOST: "192.0.2.1" },
    /server\.port \(PORT, HOST\): 192\.0\.2\.1:\d+ is no address/,
  ],
];

for (const [what, env, said] of ADDRESSES)
  t.test(`the start fails with one message for ${what}`, async (t) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "../../src/main.ts")], {
      env: { UPSTREAM_URL: cms.url, HOST: "127.0.0.1", PORT: "0", ADMIN_PORT: "0", ...env },
    });
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
    t.equal(child.exitCode, 1);
    t.equal(out, "");
    t.match(err, said);
    t.equal(err.trim().split("\n").length, 2, "a heading and the problem, no stack");
  });
