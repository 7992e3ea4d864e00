import { isObject } from "../core/json.ts";
import { foldName, isHopByHop } from "../core/headers.ts";
import type { Problem } from "./problem.ts";
import type { Config } from "./schema.ts";

/** Headers with a meaning of their own on the way to the CMS: a tenant's name in one of them would take its place. */
const TAKEN: ReadonlySet<string> = new Set([
  "authorization",
  "accept",
  "accept-encoding",
  "accept-language",
  "cookie",
  "host",
  "expect",
  "x-request-id",
]);

/** What settings of the right type cannot mean together. `written` is what they were before they were read. */
export function senseProblems(config: Config, written: unknown): Problem[] {
  return [
    ...numberProblems(config, written, []),
    ...portProblems(config),
    ...headerProblems(config),
    ...prefixProblems(config),
    ...fieldProblems(config),
    ...endProblems(config),
  ];
}

/** A number is read from text as well, since the environment has nothing else; not from nothing, `true` or a list. */
function numberProblems(read: unknown, written: unknown, path: readonly string[]): Problem[] {
  if (isObject(read) && isObject(written))
    return Object.entries(read).flatMap(([name, inner]) =>
      numberProblems(inner, written[name], [...path, name]),
    );
  const isOther = typeof written === "string" ? written.trim() === "" : written !== undefined;
  if (typeof read !== "number" || typeof written === "number" || !isOther) return [];
  return [{ path, message: `expected a number, got ${JSON.stringify(written)}` }];
}

/** Addresses that are all of a machine's. */
const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** The second of the two would find its port taken, by the gateway itself; free ports are different in each replica. */
function portProblems({ server: { host, port, adminHost, adminPort, reusePort } }: Config): Problem[] {
  if (reusePort && port === 0)
    return [
      {
        path: ["server", "reusePort"],
        message: "replicas cannot share port 0, which takes a free one; set server.port",
      },
    ];
  const isShared = host === adminHost || ANY.has(host) || ANY.has(adminHost);
  if (port === 0 || port !== adminPort || !isShared) return [];
  return [{ path: ["server", "adminPort"], message: `${port} is server.port as well; change one` }];
}

function headerProblems({ partners: { tenantIdHeader, tenantSlugHeader } }: Config): Problem[] {
  const problems = [
    ["tenantIdHeader", tenantIdHeader],
    ["tenantSlugHeader", tenantSlugHeader],
  ].flatMap(([setting = "", name = ""]): Problem[] => {
    const isTaken = TAKEN.has(name) || name.startsWith("content-") || isHopByHop(name);
    const message = `${name} has a meaning of its own; choose another name`;
    return isTaken ? [{ path: ["partners", setting], message }] : [];
  });
  if (foldName(tenantIdHeader) === foldName(tenantSlugHeader))
    problems.push({
      path: ["partners", "tenantSlugHeader"],
      message: "the same as tenantIdHeader; change one",
    });
  return problems;
}

/** The Partners API takes its paths before anything native is looked for. */
function prefixProblems({ native }: Config): Problem[] {
  return native.prefixes.flatMap((prefix, index): Problem[] => {
    if (!`${prefix}/`.startsWith("/partners/")) return [];
    const message = `${prefix} is the Partners API's own, and nothing native is reached there; remove it`;
    return [{ path: ["native", "prefixes", String(index)], message }];
  });
}

function fieldProblems({ cms: { tenantField, secretFields } }: Config): Problem[] {
  const problems: Problem[] = [];
  if (tenantField === "id")
    problems.push({ path: ["cms", "tenantField"], message: "a record's id does not say whose it is" });
  for (const [index, name] of secretFields.entries()) {
    if (name !== "id" && name !== tenantField) continue;
    const message = `${name} is what records are told apart by; remove it`;
    problems.push({ path: ["cms", "secretFields", String(index)], label: "cms.secretFields", message });
  }
  return problems;
}

/** RFC 9745 section 4: a version does not end before it is deprecated. */
function endProblems({ partners: { versionSettings } }: Config): Problem[] {
  return Object.entries(versionSettings).flatMap(([name, { deprecation, sunset }]): Problem[] => {
    const isOrdered =
      deprecation === undefined || sunset === undefined || Date.parse(deprecation) <= Date.parse(sunset);
    const path = ["partners", "versionSettings", name, "sunset"];
    return isOrdered ? [] : [{ path, message: `comes before the deprecation (${deprecation}); change one` }];
  });
}
