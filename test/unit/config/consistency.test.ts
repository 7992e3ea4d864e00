import t from "tap";
import { loadConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/config/problem.ts";

/** Returns the problems of a configuration, given its YAML text and environment. */
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

/** Returns a file in which a version renames or removes fields. */
const named = (fields: string) => `partners: {versionSettings: {2025-07: {fields: {${fields}}}}}`;

t.test("settings of the right type that cannot work are refused with the reason", async (t) => {
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
    ["partners: {deadline: 0s}", {}, /partners\.deadline: expected more than 0/],
    ["upstream: {healthInterval: 0s}", {}, /upstream\.healthInterval: expected more than 0/],
    ["cache: {keyTtl: 597h}", {}, /cache\.keyTtl: expected at most 596h/],
    ["limits: {body: 0B}", {}, /limits\.body: expected at least 1B/],
    ["partners: {collections: [graphql]}", {}, /graphql can never be exposed/],
    ["partners: {collections: [access]}", {}, /access can never be exposed/],
    ["partners: {tenantIdHeader: authorization}", {}, /tenantIdHeader: authorization is a reserved header/],
    ["partners: {tenantSlugHeader: content-type}", {}, /tenantSlugHeader: content-type is a reserved header/],
    [
      "partners: {tenantIdHeader: x-a, tenantSlugHeader: x-a}",
      {},
      /tenantSlugHeader: the same as tenantIdHeader/,
    ],
    [
      "native: {prefixes: [/api, /partners]}",
      {},
      /native\.prefixes\.1: \/partners is reserved for the Partners API/,
    ],
    [
      "native: {prefixes: [/partners/old]}",
      {},
      /native\.prefixes\.0: \/partners\/old is reserved for the Partners API/,
    ],
    ["cms: {tenantField: id}", {}, /cms\.tenantField: a record's id does not name its tenant/],
    [
      "cms: {secretFields: [hash, tenant]}",
      {},
      /cms\.secretFields: tenant is needed to check a record's tenant/,
    ],
    [
      "partners: {versionSettings: {2025-07: {deprecation: 2026-03-01, sunset: 2026-02-01}}}",
      {},
      /versionSettings\.2025-07\.sunset: comes before the deprecation \(2026-03-01\)/,
    ],
    [named("events: {rename: {OR: title}}"), {}, /no where can use the name OR/],
  ];
  for (const [yaml, env, expected] of wrong) {
    const problems = problemsOf(yaml, env);
    t.equal(problems.length, 1, `${yaml} ${JSON.stringify(env)}: ${problems.join(" & ")}`);
    t.match(problems[0], expected);
  }
});

t.test("one port for both listeners is valid on two addresses, or if it is 0", async (t) => {
  const apart = { PORT: "81", ADMIN_PORT: "81", HOST: "10.0.0.1", ADMIN_HOST: "127.0.0.1" };
  t.strictSame(problemsOf("", apart), []);
  t.strictSame(problemsOf("", { PORT: "0", ADMIN_PORT: "0" }), []);
});
