import t from "tap";
import { ConfigError, loadConfig } from "../../../src/config/load.ts";

const UPSTREAM_URL = "http://cms.internal:3000";

/** The problems of a configuration: its YAML text, its environment. */
function problemsOf(yaml: string, env: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig({ env: { UPSTREAM_URL, CONFIG_FILE: "gateway.yaml", ...env }, readFile: () => yaml });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

t.test("an upstream is all that has to be said", async (t) => {
  const config = loadConfig({ env: { UPSTREAM_URL }, readFile: () => "" });
  t.equal(config.server.port, 8080);
  t.equal(config.server.adminPort, 9090);
  t.strictSame(config.partners.versions, ["2025-07", "2026-02"]);
  t.strictSame(config.native.prefixes, ["/api", "/admin", "/_next"]);
  t.equal(config.limits.body, 1_048_576);
  t.equal(config.cache.keyTtl, 30_000);
});

t.test("the environment outranks the file, an empty variable counts as unset", async (t) => {
  const readFile = () => "server: {port: 1234, host: 127.0.0.1}\nlog: {level: debug}\n";
  const config = loadConfig({ env: { UPSTREAM_URL, CONFIG_FILE: "x", PORT: "99", LOG_LEVEL: "" }, readFile });
  t.equal(config.server.port, 99);
  t.equal(config.server.host, "127.0.0.1");
  t.equal(config.log.level, "debug");
});

t.test("a configuration cannot be changed after it was checked", async (t) => {
  const config = loadConfig({ env: { UPSTREAM_URL }, readFile: () => "" });
  t.ok(
    Object.isFrozen(config) && Object.isFrozen(config.partners.collections) && Object.isFrozen(config.cms),
  );
});

t.test("each wrong setting is answered by one message that says what to change", async (t) => {
  const wrong: readonly [string, Record<string, string>, RegExp][] = [
    ["", { UPSTREAM_URL: "" }, /upstream\.url: set UPSTREAM_URL/],
    ["", { UPSTREAM_URL: "cms.internal:3000" }, /upstream\.url \(UPSTREAM_URL\): expected an origin/],
    ["", { UPSTREAM_URL: "http://cms.internal/base" }, /without a path/],
    ["", { UPSTREAM_URL: "http://user:secret@cms.internal" }, /expected an origin/],
    ["", { PORT: "eighty" }, /server\.port \(PORT\): expected a port number/],
    ["server: {port: 70000}", {}, /server\.port \(PORT\)/],
    ["", { REDIS_URL: "127.0.0.1:6379" }, /redis\.url \(REDIS_URL\): expected a redis:\/\//],
    ["", { LOG_LEVEL: "loud" }, /log\.level \(LOG_LEVEL\)/],
    ["severs: {}", {}, /severs: there is no such setting; did you mean server\?/],
    ["server: {prot: 1}", {}, /server\.prot: there is no such setting; did you mean port\?/],
    ["partners: {deadline: 30}", {}, /partners\.deadline: expected a duration such as/],
    ["partners: {deadline: 30 parsecs}", {}, /expected a duration such as .* got "30 parsecs"/],
    ["limits: {body: 1MB}", {}, /limits\.body: expected a size such as/],
    ["limits: {depth: 11}", {}, /limits\.depth/],
    ["partners: {collections: [pages, users]}", {}, /partners\.collections: users can never be exposed/],
    ["partners: {collections: [tenants]}", {}, /tenants can never be exposed/],
    ["partners: {collections: [payload-jobs]}", {}, /payload-jobs can never be exposed/],
    ["cms: {users: members}\npartners: {collections: [members]}", {}, /members can never be exposed/],
    ["cms: {internal: [admins]}\npartners: {collections: [admins]}", {}, /admins can never be exposed/],
    ["cms: {openCollections: [users]}", {}, /cms\.openCollections: users can never be exposed/],
    ["partners: {versions: ['2026-02', '2026-02']}", {}, /2026-02 is listed twice/],
    ["partners: {versions: [v1]}", {}, /expected a version such as/],
    ["partners: {versions: []}", {}, /partners\.versions/],
    ["native: {prefixes: [api]}", {}, /native\.prefixes\.0: expected a path prefix/],
    [
      "server: {trustedProxies: [the-balancer]}",
      {},
      /server\.trustedProxies\.0: expected an address or a CIDR block/,
    ],
    ["- a\n- b", {}, /expected a mapping of sections/],
    ["server: [", {}, /CONFIG_FILE gateway\.yaml:/],
  ];
  for (const [yaml, env, expected] of wrong) {
    const problems = problemsOf(yaml, env);
    t.equal(problems.length, 1, `${yaml} ${JSON.stringify(env)}: ${problems.join(" & ")}`);
    t.match(problems[0], expected);
  }
});

t.test("all problems are named at once", async (t) => {
  const yaml = "severs: {}\npartners: {deadline: soon, collections: [users]}\ncms: {usrs: x}\n";
  t.equal(problemsOf(yaml, { PORT: "x", UPSTREAM_URL: "nowhere" }).length, 6);
});

t.test("a file that is not there is said to be not there", async (t) => {
  const readFile = (): string => {
    throw new Error("ENOENT: no such file or directory, open 'missing.yaml'");
  };
  t.throws(
    () => loadConfig({ env: { UPSTREAM_URL, CONFIG_FILE: "missing.yaml" }, readFile }),
    /CONFIG_FILE missing\.yaml: ENOENT/,
  );
});
