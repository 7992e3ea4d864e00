import { parse } from "yaml";
import type * as z from "zod";
import { isObject } from "../core/json.ts";
import { exposureProblems } from "./exposure.ts";
import { schema, type Config } from "./schema.ts";

/** Environment variables and the settings they set; they outrank the file. */
export const ENVIRONMENT = {
  UPSTREAM_URL: "upstream.url",
  HOST: "server.host",
  PORT: "server.port",
  ADMIN_HOST: "server.adminHost",
  ADMIN_PORT: "server.adminPort",
  ADMIN_TOKEN: "server.adminToken",
  REDIS_URL: "redis.url",
  REDIS_USERNAME: "redis.username",
  REDIS_PASSWORD: "redis.password",
  CACHE_SECRET: "redis.secret",
  LOG_LEVEL: "log.level",
  CMS_SERVICE_KEY: "cms.serviceKey",
} as const;

/** Every problem of a configuration at once, in words that say what to change. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
    );
    this.problems = problems;
  }
}

/** Where settings come from. `readFile` gives a file's text or throws as `fs` does. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

/**
 * The configuration from the environment and, where `CONFIG_FILE` names one, from a YAML file below it. The result is
 * frozen. Throws one `ConfigError` that names every problem.
 */
export function loadConfig({ env, readFile }: Sources): Config {
  const file = env["CONFIG_FILE"];
  const settings = file === undefined || file === "" ? {} : readYaml(file, readFile);
  for (const [name, path] of Object.entries(ENVIRONMENT)) {
    const value = env[name];
    if (value !== undefined && value !== "") assign(settings, path, value);
  }
  if (settings["upstream"] === undefined) assign(settings, "upstream.url", undefined);
  const result = schema.safeParse(settings);
  const problems = result.success ? [] : result.error.issues.flatMap((issue) => explain(issue));
  problems.push(...exposureProblems(settings));
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(result.data);
}

function readYaml(file: string, readFile: Sources["readFile"]): Record<string, unknown> {
  let value: unknown;
  try {
    value = parse(readFile(file));
  } catch (error) {
    // The first line only: below it the parser prints the lines around the mistake, and with them what may be a secret.
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new ConfigError([`CONFIG_FILE ${file}: ${reason}`]);
  }
  if (value === null || value === undefined) return {};
  if (!isObject(value))
    throw new ConfigError([`CONFIG_FILE ${file}: expected a mapping of sections such as "upstream:"`]);
  // A section whose every line is commented out reads as null; it is one that sets nothing.
  return Object.fromEntries(Object.entries(value).filter(([, section]) => section !== null));
}

function assign(settings: Record<string, unknown>, path: string, value: unknown): void {
  const [section = "", name = ""] = path.split(".");
  const present = settings[section];
  settings[section] = {
    ...(isObject(present) ? present : {}),
    ...(value === undefined ? {} : { [name]: value }),
  };
}

function explain(issue: z.core.$ZodIssue): string[] {
  const path = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const where = path === "" ? "" : `${path}.`;
    return issue.keys.map((key) => `${where}${key}: there is no such setting${nearest(issue.path, key)}`);
  }
  if (path === "upstream.url" && issue.code === "invalid_type") {
    return [
      "upstream.url: set UPSTREAM_URL (or upstream.url in the file) to the CMS's origin, such as http://127.0.0.1:3000",
    ];
  }
  const variable = Object.entries(ENVIRONMENT).find(([, setting]) => setting === path)?.[0];
  return [`${path}${variable === undefined ? "" : ` (${variable})`}: ${issue.message}`];
}

/** The setting that a misspelt one most likely meant, as the end of a sentence. */
function nearest(path: readonly PropertyKey[], key: string): string {
  const known = knownKeys(path);
  const best = known
    .map((name) => ({ name, distance: distance(name.toLowerCase(), key.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(2, key.length / 3)
    ? `; did you mean ${best.name}?`
    : `; known are ${known.join(", ")}`;
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) {
    while (isObject(at) && isObject(at["def"]) && "innerType" in at["def"]) at = at["def"]["innerType"];
    at = isObject(at) && isObject(at["shape"]) ? at["shape"][String(key)] : undefined;
  }
  while (isObject(at) && isObject(at["def"]) && "innerType" in at["def"]) at = at["def"]["innerType"];
  return isObject(at) && isObject(at["shape"]) ? Object.keys(at["shape"]) : [];
}

/** Levenshtein's distance, by which a misspelt word finds the one that was meant. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
