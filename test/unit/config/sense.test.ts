import t from "tap";
import { loadConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problem.ts";

/** The problems of a configuration: its YAML text, its environment. */
function problemsOf(yaml: string, env: Record<string, string>): readonly string[] {
  const given = { UPSTREAM_URL: "http://cms.internal:3000", CONFIG_FILE: "gateway.yaml", ...env };
  try {
    loadConfig({ env: given, readFile: () => yaml });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** Names that a version gives, as a file. */
const named = (fields: string) => `partners: {versionSettings: {2025-07: {fields: {${fields}}}}}`;

t.test("what is of the right type and cannot work is refused, and the message says why", async (t) => {
  const wrong: readonly [string, Record<string, string>, RegExp][] = [
    ["server: {trustedProxies: [999.1.1.1]}", {}, /trustedProxies\.0: expected an address or a CIDR block/],
    ["server: {trustedProxies: [10.0.0.0/33]}", {}, /trustedProxies\.0: expected an address or a CIDR block/],
    ["limits: {depth: ''}", {}, /^gateway\.yaml:1:10 limits\.depth: expected a number, got ""/],
    ["limits: {page: true}", {}, /limits\.page: expected a number, got true/],
    ["limits: {depth: []}", {}, /limits\.depth: expected a number, got \[\]/],
    ["", { PORT: " " }, /server\.port \(PORT\): expected a number, got " "/],
    ["server: {port: 0, reusePort: true}", {}, /server\.reusePort: replicas cannot share port 0/],
    ["server: {port: 9090}", {}, /server\.adminPort: 9090 is server\.port as well; change one/],
    [
      "",
      { PORT: "81", ADMIN_PORT: "81", HOST: "::1", ADMIN_HOST: "::1" },
      /adminPort \(ADMIN_PORT\): 81 is server\.port/,
    ],
    [
      "",
      { PORT: "81", ADMIN_PORT: "81", HOST: "10.0.0.1", ADMIN_HOST: "::" },
      /adminPort \(ADMIN_PORT\): 81 is server\.port/,
    ],
    ["partners: {deadline: 0s}", {}, /partners\.deadline: expected more than nothing/],
    ["upstream: {healthInterval: 0s}", {}, /upstream\.healthInterval: expected more than nothing/],
    ["cache: {keyTtl: 597h}", {}, /cache\.keyTtl: expected 596h at the most/],
    ["limits: {body: 0B}", {}, /limits\.body: expected at least 1B/],
    ["partners: {collections: [graphql]}", {}, /graphql can never be exposed/],
    ["partners: {collections: [access]}", {}, /access can never be exposed/],
    [
      "partners: {tenantIdHeader: authorization}",
      {},
      /tenantIdHeader: authorization has a meaning of its own/,
    ],
    ["partners: {tenantSlugHeader: content-type}", {}, /tenantSlugHeader: content-type has a meaning/],
    [
      "partners: {tenantIdHeader: x-a, tenantSlugHeader: x-a}",
      {},
      /tenantSlugHeader: the same as tenantIdHeader/,
    ],
    [
      "native: {prefixes: [/api, /partners]}",
      {},
      /native\.prefixes\.1: \/partners is the Partners API's own/,
    ],
    [
      "native: {prefixes: [/partners/old]}",
      {},
      /native\.prefixes\.0: \/partners\/old is the Partners API's own/,
    ],
    ["cms: {tenantField: id}", {}, /cms\.tenantField: a record's id does not say whose it is/],
    [
      "cms: {secretFields: [hash, tenant]}",
      {},
      /cms\.secretFields: tenant is what records are told apart by/,
    ],
    [
      "partners: {versionSettings: {2025-07: {deprecation: 2026-03-01, sunset: 2026-02-01}}}",
      {},
      /versionSettings\.2025-07\.sunset: comes before the deprecation \(2026-03-01\)/,
    ],
    [named("events: {rename: {OR: title}}"), {}, /no condition could ask by OR/],
  ];
  for (const [yaml, env, expected] of wrong) {
    const problems = problemsOf(yaml, env);
    t.equal(problems.length, 1, `${yaml} ${JSON.stringify(env)}: ${problems.join(" & ")}`);
    t.match(problems[0], expected);
  }
});

t.test("one port for both is no problem on two addresses, and none where it is to be chosen", async (t) => {
  const apart = { PORT: "81", ADMIN_PORT: "81", HOST: "10.0.0.1", ADMIN_HOST: "127.0.0.1" };
  t.strictSame(problemsOf("", apart), []);
  t.strictSame(problemsOf("", { PORT: "0", ADMIN_PORT: "0" }), []);
});
