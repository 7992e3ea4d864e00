import t from "tap";
import { ENVIRONMENT, SECRET_VARIABLES } from "../../../src/config/environment.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problem.ts";

const UPSTREAM_URL = "http://cms.internal:3000";

/** Returns the problems of a configuration, given its YAML text and environment. */
function problemsOf(yaml: string, env: Record<string, string> = {}): readonly string[] {
  try {
    loadConfig({ env: { UPSTREAM_URL, CONFIG_FILE: "gateway.yaml", ...env }, readFile: () => yaml });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** Returns a file in which a version renames or removes fields. */
const named = (fields: string) => `partners: {versionSettings: {2025-07: {fields: {${fields}}}}}`;

t.test("the upstream is the only required setting", async (t) => {
  const config = loadConfig({ env: { UPSTREAM_URL }, readFile: () => "" });
  t.equal(config.server.port, 8080);
  t.equal(config.server.adminPort, 9090);
  t.strictSame(config.partners.versions, ["2025-07", "2026-02"]);
  t.strictSame(config.native.prefixes, ["/api", "/admin", "/_next"]);
  t.equal(config.limits.body, 1_048_576);
  t.equal(config.cache.keyTtl, 30_000);
});

t.test("the environment takes precedence over the file, and an empty variable counts as unset", async (t) => {
  const readFile = () => "server: {port: 1234, host: 127.0.0.1}\nlog: {level: debug}\n";
  const config = loadConfig({ env: { UPSTREAM_URL, CONFIG_FILE: "x", PORT: "99", LOG_LEVEL: "" }, readFile });
  t.equal(config.server.port, 99);
  t.equal(config.server.host, "127.0.0.1");
  t.equal(config.log.level, "debug");
});

t.test("a loaded configuration is frozen", async (t) => {
  const config = loadConfig({ env: { UPSTREAM_URL }, readFile: () => "" });
  t.ok(
    Object.isFrozen(config) && Object.isFrozen(config.partners.collections) && Object.isFrozen(config.cms),
  );
});

t.test("each invalid setting causes one message that says what to change", async (t) => {
  const wrong: readonly [string, Record<string, string>, RegExp][] = [
    ["", { UPSTREAM_URL: "" }, /upstream\.url: set UPSTREAM_URL/],
    ["", { UPSTREAM_URL: "cms.internal:3000" }, /upstream\.url \(UPSTREAM_URL\): expected an origin/],
    ["", { UPSTREAM_URL: "http://cms.internal/base" }, /without a path/],
    ["", { UPSTREAM_URL: "http://user:secret@cms.internal" }, /expected an origin/],
    ["", { PORT: "eighty" }, /server\.port \(PORT\): expected a port number/],
    ["server: {port: 70000}", {}, /^gateway\.yaml:1:10 server\.port: /],
    ["", { REDIS_URL: "127.0.0.1:6379" }, /redis\.url \(REDIS_URL\): expected a redis:\/\//],
    ["", { LOG_LEVEL: "loud" }, /log\.level \(LOG_LEVEL\)/],
    ["severs: {}", {}, /severs: there is no such setting; did you mean server\?/],
    ["server: {prot: 1}", {}, /server\.prot: there is no such setting; did you mean port\?/],
    ["partners: {deadline: 30}", {}, /partners\.deadline: expected a duration such as/],
    ["server: {idleTimeout: 0s}", {}, /server\.idleTimeout: expected more than 0/],
    ["upstream: {keepAlive: 0s}", {}, /upstream\.keepAlive: expected more than 0/],
    ["partners: {deadline: 30 parsecs}", {}, /expected a duration such as .* got "30 parsecs"/],
    ["limits: {body: 1MB}", {}, /limits\.body: expected a size such as/],
    ["limits: {depth: 11}", {}, /limits\.depth/],
    ["partners: {collections: [pages, users]}", {}, /partners\.collections: users can never be exposed/],
    ["partners: {collections: [tenants]}", {}, /tenants can never be exposed/],
    ["partners: {collections: [payload-jobs]}", {}, /payload-jobs can never be exposed/],
    ["cms: {users: members}\npartners: {collections: [members]}", {}, /members can never be exposed/],
    ["cms: {internal: [admins]}\npartners: {collections: [admins]}", {}, /admins can never be exposed/],
    [
      named("events: {rename: {key: apiKey}}"),
      {},
      /fields\.events: apiKey can be neither renamed nor removed/,
    ],
    [named("events: {rename: {apiKey: title}}"), {}, /apiKey can be neither renamed/],
    [named("events: {rename: {number: id}}"), {}, /id can be neither renamed/],
    [named("events: {remove: [ifUpdatedAt]}"), {}, /ifUpdatedAt can be neither renamed nor removed/],
    [named("events: {rename: {a: title, b: title}}"), {}, /two names mean title/],
    [named("events: {rename: {a: title}, remove: [title]}"), {}, /title is renamed and removed/],
    [named("evens: {remove: [title]}"), {}, /partners cannot see evens/],
    [named("events: {rename: {a: location.city}}"), {}, /rename\.a: expected a field name/],
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
    ["server: [", {}, /^gateway\.yaml:1:10 Flow sequence/],
  ];
  for (const [yaml, env, expected] of wrong) {
    const problems = problemsOf(yaml, env);
    t.equal(problems.length, 1, `${yaml} ${JSON.stringify(env)}: ${problems.join(" & ")}`);
    t.match(problems[0], expected);
  }
});

t.test("one error names all problems", async (t) => {
  const yaml = "severs: {}\npartners: {deadline: soon, collections: [users]}\ncms: {usrs: x}\n";
  t.equal(problemsOf(yaml, { PORT: "x", UPSTREAM_URL: "nowhere" }).length, 6);
});

t.test("a missing file is reported", async (t) => {
  const readFile = (): string => {
    throw new Error("ENOENT: no such file or directory, open 'missing.yaml'");
  };
  t.throws(
    () => loadConfig({ env: { UPSTREAM_URL, CONFIG_FILE: "missing.yaml" }, readFile }),
    /CONFIG_FILE missing\.yaml: ENOENT/,
  );
});

t.test("variables in the file are replaced from the environment", async (t) => {
  const yaml = [
    "server: {host: '${GIVEN}', port: '${NUMBER:-7}'}",
    "redis:",
    "  url: ${ABSENT:-}",
    "  tls: ${YES}",
    "  prefix: x-${EMPTY:-two}-${GIVEN}",
    "partners:",
    "  collections: [pages, '${GIVEN}']",
    "cms: {allTenantsRoles: ['$${GIVEN}', '$GIVEN']}",
  ].join("\n");
  const env = { GIVEN: "given", YES: "true", EMPTY: "" };
  const config = loadConfig({ env: { UPSTREAM_URL, CONFIG_FILE: "x", ...env }, readFile: () => yaml });
  t.match(config.server, { host: "given", port: 7 });
  t.match(config.redis, { url: undefined, tls: true, prefix: "x-two-given" });
  t.strictSame(config.partners.collections, ["pages", "given"]);
  t.strictSame(config.cms.allTenantsRoles, ["${GIVEN}", "$GIVEN"]);
});

t.test("a value from the environment cannot change the file's structure", async (t) => {
  const yaml = "server:\n  host: ${HOSTILE}\n";
  const env = { UPSTREAM_URL, CONFIG_FILE: "x", HOSTILE: "a\n  port: 1\nlog: {level: trace} # {" };
  const config = loadConfig({ env, readFile: () => yaml });
  t.equal(config.server.host, env.HOSTILE);
  t.match(config, { server: { port: 8080 }, log: { level: "info" } });
});

t.test("each problem of the file is reported with line and column", async (t) => {
  const wrong: readonly [string, RegExp][] = [
    ["log:\n  level: ${NOWHERE}\n", /^gateway\.yaml:2:10 \$\{NOWHERE\} is not set; set NOWHERE, or write/],
    ["log:\n  level: a${1x}\n", /^gateway\.yaml:2:10 expected \$\{NAME\} .* written \$\$\{$/],
    ["partners:\n  collections: [${X}]\n", /^gateway\.yaml:2:\d+ .*in quotes$/],
    ["log: {level: info}\nlog: {level: info}\n", /^gateway\.yaml:2:1 Map keys must be unique/],
    ["\nserver:\n  prot: 1\n", /^gateway\.yaml:3:3 server\.prot: .*did you mean port\?/],
    [
      "partners:\n  collections:\n    - pages\n    - users\n",
      /^gateway\.yaml:4:7 partners\.collections: users/,
    ],
    ["partners:\n  versions: ['2026-02', '2026-02']\n", /^gateway\.yaml:2:25 partners\.versions: 2026-02/],
    ["cms: {ownPaths: {events: [ok, 'not ok']}}", /^gateway\.yaml:1:31 cms\.ownPaths\.events\.1: /],
  ];
  for (const [yaml, expected] of wrong) {
    const problems = problemsOf(yaml);
    t.equal(problems.length, 1, `${yaml} ${problems.join(" & ")}`);
    t.match(problems[0], expected);
  }
  t.match(problemsOf("log: {level: 'loud'}", { LOG_LEVEL: "louder" }), [/^log\.level \(LOG_LEVEL\): /]);
});

t.test("a variable that ends in _FILE names a file with a secret", async (t) => {
  const files: Record<string, string> = {
    "/run/key": "the-key\n",
    "/run/token": "0123456789abcdef",
    "/run/no": "\n",
  };
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return text;
  };
  const load = (env: Record<string, string>) => loadConfig({ env: { UPSTREAM_URL, ...env }, readFile });
  const config = load({
    CMS_SERVICE_KEY_FILE: "/run/key",
    ADMIN_TOKEN_FILE: "/run/token",
    REDIS_URL_FILE: "",
  });
  t.equal(config.cms.serviceKey, "the-key");
  t.equal(config.server.adminToken, "0123456789abcdef");
  t.throws(
    () => load({ CMS_SERVICE_KEY_FILE: "/run/key", CMS_SERVICE_KEY: "x" }),
    /cms\.serviceKey \(CMS_SERVICE_KEY_FILE\): CMS_SERVICE_KEY is set as well; set one of the two/,
  );
  t.throws(
    () => load({ CACHE_SECRET_FILE: "/run/x" }),
    /redis\.secret \(CACHE_SECRET_FILE\): cannot be read: ENOENT/,
  );
  t.throws(
    () => load({ CACHE_SECRET_FILE: "/run/no" }),
    /redis\.secret \(CACHE_SECRET_FILE\): \/run\/no is empty/,
  );
});

t.test("every secret setting can be mounted as a file", async (t) => {
  const secrets = Object.entries(ENVIRONMENT)
    .filter(([, setting]) => /key|token|secret|password|redis\.url/i.test(setting))
    .map(([variable]) => variable);
  t.strictSame(secrets.toSorted(), [...SECRET_VARIABLES].toSorted());
});

t.test("a misspelt UPSTREAM_URL is recognised", async (t) => {
  const env = { UPSTREAM_URL: "", UPSTREM_URL: "http://cms.internal:3000" };
  t.match(problemsOf("", env), [/set UPSTREAM_URL .*\(UPSTREM_URL is set: a typo\?\)/]);
});

t.test("a failed load does not affect the next one", async (t) => {
  t.throws(() => loadConfig({ env: { UPSTREAM_URL, PORT: "many" }, readFile: () => "" }), /server\.port/);
  t.equal(loadConfig({ env: { UPSTREAM_URL }, readFile: () => "" }).server.port, 8080);
});
