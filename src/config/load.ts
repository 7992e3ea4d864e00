import type * as z from "zod";
import { isObject } from "../core/json.ts";
import { readEnvironment, type FromEnvironment, type Sources } from "./environment.ts";
import { exposureProblems } from "./exposure.ts";
import { NO_FILE, readSettingsFile, type SettingsFile } from "./file.ts";
import { suggestion } from "./nearest.ts";
import { ConfigError, type Problem } from "./problem.ts";
import { upstreamProblems } from "./references.ts";
import { schema, type Config } from "./schema.ts";
import { consistencyProblems } from "./consistency.ts";

/**
 * Loads the configuration from the environment and, with lower precedence, from the YAML file in
 * `CONFIG_FILE`. The result is frozen. Throws one `ConfigError` that names every problem and its position.
 */
export function loadConfig(sources: Sources): Config {
  const path = sources.env["CONFIG_FILE"];
  const file = path === undefined || path === "" ? NO_FILE : readSettingsFile(path, sources);
  const settings = { ...file.settings };
  const { found, problems } = readEnvironment(sources);
  for (const { setting, value } of found) assign(settings, setting, value);
  if (settings["upstream"] === undefined) settings["upstream"] = {};
  const result = schema.safeParse(settings);
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => explain(issue)));
  else problems.push(...consistencyProblems(result.data, settings));
  problems.push(...exposureProblems(settings), ...upstreamProblems(settings, sources));
  if (!result.success || problems.length > 0)
    throw new ConfigError(problems.map((problem) => tell(problem, file, found)));
  return deepFreeze(result.data);
}

function assign(settings: Record<string, unknown>, path: string, value: unknown): void {
  const [section = "", name = ""] = path.split(".");
  const present = settings[section];
  settings[section] = { ...(isObject(present) ? present : {}), [name]: value };
}

/**
 * Renders a problem as one line: its position in the file or its variable, the setting, and the change to
 * make.
 */
function tell(
  { path, label, from, message }: Problem,
  file: SettingsFile,
  found: readonly FromEnvironment[],
): string {
  const name = path.join(".");
  const variable = from ?? found.find(({ setting }) => setting === name)?.variable;
  const place = variable === undefined ? file.placeOf(path) : undefined;
  return `${place === undefined ? "" : `${place} `}${label ?? name}${variable === undefined ? "" : ` (${variable})`}: ${message}`;
}

function explain(issue: z.core.$ZodIssue): Problem[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `there is no such setting${suggestion(key, known)}`,
    }));
  }
  return [{ path, message: issue.message }];
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) {
    while (isObject(at) && isObject(at["def"]) && "innerType" in at["def"]) at = at["def"]["innerType"];
    at = isObject(at) ? inside(at, String(key)) : undefined;
  }
  while (isObject(at) && isObject(at["def"]) && "innerType" in at["def"]) at = at["def"]["innerType"];
  return isObject(at) && isObject(at["shape"]) ? Object.keys(at["shape"]) : [];
}

/** Returns the schema of a member: a named member of an object, or the value type of a record. */
function inside(at: Record<string, unknown>, key: string): unknown {
  if (isObject(at["shape"])) return at["shape"][key];
  return isObject(at["def"]) ? at["def"]["valueType"] : undefined;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
