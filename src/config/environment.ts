import type { Problem } from "./problem.ts";

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
  REDIS_SENTINEL_PASSWORD: "redis.sentinelPassword",
  CACHE_SECRET: "redis.secret",
  LOG_LEVEL: "log.level",
  CMS_SERVICE_KEY: "cms.serviceKey",
} as const;

/** A variable of `ENVIRONMENT`. */
export type Variable = keyof typeof ENVIRONMENT;

/** The variables that may hold a secret: of each, `<name>_FILE` may name a mounted file that holds the value. */
export const SECRET_VARIABLES = [
  "ADMIN_TOKEN",
  "REDIS_URL",
  "REDIS_PASSWORD",
  "REDIS_SENTINEL_PASSWORD",
  "CACHE_SECRET",
  "CMS_SERVICE_KEY",
] as const satisfies readonly Variable[];

/** Where settings come from. `readFile` gives a file's text or throws as `fs` does. */
export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
}

/** A setting that the environment makes, and the variable that does. */
export interface FromEnvironment {
  readonly setting: string;
  readonly variable: string;
  readonly value: string;
}

/** What the environment sets. A variable that is empty counts as unset: so platforms leave out what is optional. */
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

/** The value of one variable, be it itself or in the file that `<name>_FILE` names; or why it cannot be had. */
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
    // Whoever writes a secret into a file with an editor or with echo leaves a line break behind it.
    const text = readFile(file).replace(/\r?\n$/, "");
    return text === "" ? { from, message: `${file} is empty` } : text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { from, message: `cannot be read: ${reason}` };
  }
}
