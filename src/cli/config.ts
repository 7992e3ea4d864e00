import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { isObject } from "../core/json.ts";
import { UsageError, type Flags, type ParsedArguments } from "./command.ts";
import type { Io } from "./io.ts";

/** The flag of every command that reads the configuration. */
export const CONFIG_FLAG = {
  config: { type: "string", value: "file", help: "the YAML file to read; otherwise CONFIG_FILE names it" },
} as const satisfies Flags;

/** Loads the configuration as `start` does. Throws a `ConfigError`. */
export function configOf(given: ParsedArguments, io: Io): Config {
  const file = given.text("config");
  const env = file === undefined ? io.env : { ...io.env, CONFIG_FILE: file };
  return loadConfig({ env, readFile: io.readFile });
}

/**
 * Returns the API key in the variable that `--key-env` names. As an argument, other users could read the key.
 */
export function keyOf(given: ParsedArguments, io: Io): string | undefined {
  const name = given.text("key-env");
  if (name === undefined) return undefined;
  const key = io.env[name];
  if (key === undefined || key === "") throw new UsageError(`--key-env ${name}: there is no such variable`);
  return key;
}

/**
 * Returns the configuration for printing, without credentials: secrets by their setting's name, and passwords
 * in URLs.
 */
export function redacted(value: unknown, name = ""): unknown {
  if (typeof value === "string")
    return /(?:key|token|secret|password)$/i.test(name) ? "[secret]" : withoutPassword(value);
  if (Array.isArray(value)) return value.map((item) => redacted(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redacted(inner, key)]));
}

function withoutPassword(url: string): string {
  // Up to the last @, like a URL parser, since a password may contain one.
  return url.replace(/^([a-z+]+:\/\/)[^/?#]*@/i, "$1[secret]@");
}
