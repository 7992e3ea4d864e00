import type { Problem } from "./problem.ts";

/** Environment variables and their settings. They take precedence over the file. */
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
  REDIS_SENTINEL_PASSWORD: "redis.sentinelPassword",
  CACHE_SECRET: "redis.secret",
  LOG_LEVEL: "log.level",
  CMS_SERVICE_KEY: "cms.serviceKey",
} as const;

/** A variable of `ENVIRONMENT`. */
export type Variable = keyof typeof ENVIRONMENT;

/** The variables that may hold a secret. For each, `<name>_FILE` may name a mounted file with the value. */
export const SECRET_VARIABLES = [
  "ADMIN_TOKEN",
  "REDIS_URL",
  "REDIS_PASSWORD",
  "REDIS_SENTINEL_PASSWORD",
  "CACHE_SECRET",
  "CMS_SERVICE_KEY",
] as const satisfies readonly Variable[];

/** The sources of settings. `readFile` returns a file's text or throws as `fs` does. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

/** A setting from the environment, with its variable. */
export interface FromEnvironment {
  readonly setting: string;
  readonly variable: string;
  readonly value: string;
}

/**
 * Reads the settings in the environment. An empty variable counts as unset, as platforms pass optional ones.
 */
export function readEnvironment(sources: Sources): { found: FromEnvironment[]; problems: Problem[] } {
  const found: FromEnvironment[] = [];
  const problems: Problem[] = [];
  for (const [variable, setting] of Object.entries(ENVIRONMENT)) {
    const read = readVariable(variable, sources);
    if (typeof read === "object") problems.push({ path: setting.split("."), ...read });
    else if (read !== undefined) found.push({ setting, variable, value: read });
  }
  return { found, problems };
}

/**
 * Reads a variable, or the file that `<name>_FILE` names. Returns its value, or the reason why it cannot be
 * read.
 */
export function readVariable(
  variable: string,
  { env, readFile }: Sources,
): string | undefined | Pick<Problem, "from" | "message"> {
  const value = env[variable] ?? "";
  const mayBeFile = SECRET_VARIABLES.some((name) => name === variable);
  const from = `${variable}_FILE`;
  const file = (mayBeFile ? env[from] : undefined) ?? "";
  if (file === "") return value === "" ? undefined : value;
  if (value !== "") return { from, message: `${variable} is set as well; set one of the two` };
  try {
    // Editors and `echo` end the file with a line break, which is not part of the secret.
    const text = readFile(file).replace(/\r?\n$/, "");
    return text === "" ? { from, message: `${file} is empty` } : text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { from, message: `cannot be read: ${reason}` };
  }
}
