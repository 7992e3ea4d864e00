import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Flags, Given } from "./command.ts";
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

/** The configuration without what authenticates somebody, for printing. */
export function redacted(config: Config): Config {
  const { cms, redis, upstream } = config;
  return {
    ...config,
    upstream: { ...upstream, url: withoutPassword(upstream.url) },
    cms: { ...cms, ...(cms.serviceKey === undefined ? {} : { serviceKey: "[secret]" }) },
    redis: { ...redis, ...(redis.url === undefined ? {} : { url: withoutPassword(redis.url) }) },
  };
}

function withoutPassword(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/@]*@/i, "$1[secret]@");
}
