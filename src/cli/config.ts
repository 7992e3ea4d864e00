import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { isObject } from "../core/json.ts";
import { UsageError, type Flags, type Given } from "./command.ts";
import type { Io } from "./io.ts";

/** The flag of every command that reads the configuration. */
export const CONFIG_FLAG = {
  config: { type: "string", value: "file", help: "the YAML file to read; otherwise CONFIG_FILE names it" },
} as const satisfies Flags;

/** The configuration as `start` would read it. Throws a `ConfigError`. */
export function configOf(given: Given, io: Io): Config {
  const file = given.text("config");
  const env = file === undefined ? io.env : { ...io.env, CONFIG_FILE: file };
  return loadConfig({ env, readFile: io.readFile });
}

/** The API key in the variable that `--key-env` names: as an argument, others could read it. */
export function keyOf(given: Given, io: Io): string | undefined {
  const name = given.text("key-env");
  if (name === undefined) return undefined;
  const key = io.env[name];
  if (key === undefined || key === "") throw new UsageError(`--key-env ${name}: there is no such variable`);
  return key;
}

/** The configuration without what authenticates somebody, for printing: secrets by their names, passwords in URLs. */
export function redacted(value: unknown, name = ""): unknown {
  if (typeof value === "string")
    return /(?:key|token|secret|password)$/i.test(name) ? "[secret]" : withoutPassword(value);
  if (Array.isArray(value)) return value.map((item) => redacted(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redacted(inner, key)]));
}

function withoutPassword(url: string): string {
  // Up to the last @, as a URL's parser has it: a password may hold one.
  return url.replace(/^([a-z+]+:\/\/)[^/?#]*@/i, "$1[secret]@");
}
