import { isObject } from "../core/json.ts";
import { foldName, isHopByHop } from "../core/headers.ts";
import type { Problem } from "./problem.ts";
import type { Config } from "./schema.ts";

/**
 * Reserved headers of requests to the CMS: if a tenant header had such a name, it would replace the header.
 */
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

/**
 * Returns the problems of settings that are valid alone but not together. `written`: the settings before
 * parsing.
 */
export function consistencyProblems(config: Config, written: unknown): Problem[] {
  return [
    ...numberProblems(config, written, []),
    ...portProblems(config),
    ...headerProblems(config),
    ...prefixProblems(config),
    ...fieldProblems(config),
    ...endProblems(config),
  ];
}

/**
 * Returns the numbers parsed from other types. Text is allowed, as in the environment; empty text and lists
 * are not.
 */
function numberProblems(read: unknown, written: unknown, path: readonly string[]): Problem[] {
  if (isObject(read) && isObject(written))
    return Object.entries(read).flatMap(([name, inner]) =>
      numberProblems(inner, written[name], [...path, name]),
    );
  const isOther = typeof written === "string" ? written.trim() === "" : written !== undefined;
  if (typeof read !== "number" || typeof written === "number" || !isOther) return [];
  return [{ path, message: `expected a number, got ${JSON.stringify(written)}` }];
}

/** The wildcard addresses. */
const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Returns a problem if both listeners would use one port, or if replicas would share a port that each chooses. */
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
    const message = `${name} is a reserved header; choose another name`;
    return isTaken ? [{ path: ["partners", setting], message }] : [];
  });
  if (foldName(tenantIdHeader) === foldName(tenantSlugHeader))
    problems.push({
      path: ["partners", "tenantSlugHeader"],
      message: "the same as tenantIdHeader; change one",
    });
  return problems;
}

/**
 * Returns the native prefixes under `/partners`: the Partners API is routed first, so they would never match.
 */
function prefixProblems({ native }: Config): Problem[] {
  return native.prefixes.flatMap((prefix, index): Problem[] => {
    if (!`${prefix}/`.startsWith("/partners/")) return [];
    const message = `${prefix} is reserved for the Partners API, which is routed first; remove it`;
    return [{ path: ["native", "prefixes", String(index)], message }];
  });
}

function fieldProblems({ cms: { tenantField, secretFields } }: Config): Problem[] {
  const problems: Problem[] = [];
  if (tenantField === "id")
    problems.push({ path: ["cms", "tenantField"], message: "a record's id does not name its tenant" });
  for (const [index, name] of secretFields.entries()) {
    if (name !== "id" && name !== tenantField) continue;
    const message = `${name} is needed to check a record's tenant; remove it`;
    problems.push({ path: ["cms", "secretFields", String(index)], label: "cms.secretFields", message });
  }
  return problems;
}

/** Returns the versions whose sunset is before their deprecation, which RFC 9745 section 4 forbids. */
function endProblems({ partners: { versionSettings } }: Config): Problem[] {
  return Object.entries(versionSettings).flatMap(([name, { deprecation, sunset }]): Problem[] => {
    const isOrdered =
      deprecation === undefined || sunset === undefined || Date.parse(deprecation) <= Date.parse(sunset);
    const path = ["partners", "versionSettings", name, "sunset"];
    return isOrdered ? [] : [{ path, message: `comes before the deprecation (${deprecation}); change one` }];
  });
}
