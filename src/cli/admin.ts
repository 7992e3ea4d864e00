import { isIPv6 } from "node:net";
import { readVariable } from "../config/environment.ts";
import { UsageError, type Flags, type ParsedArguments } from "./command.ts";
import type { Io } from "./io.ts";

/** The flag of every command that calls a running gateway. */
export const ADMIN_FLAG = {
  "admin-url": {
    type: "string",
    value: "url",
    help: "the admin port of a replica; by default http://$ADMIN_HOST:$ADMIN_PORT",
  },
} as const satisfies Flags;

/**
 * Returns the URL of the admin port: from the flag, otherwise from the variables that the gateway itself
 * reads.
 */
export function adminUrl(given: ParsedArguments, { env }: Pick<Io, "env">, path: string): URL {
  const [host, port] = [env["ADMIN_HOST"] || "127.0.0.1", env["ADMIN_PORT"] || "9090"];
  const base = given.text("admin-url") ?? `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const url = URL.parse(path, base);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`--admin-url ${base}: expected an address such as http://127.0.0.1:9090`);
  return url;
}

/** Returns the admin token; `undefined` if none is set. Throws if its file cannot be read. */
export function adminToken(io: Io): string | undefined {
  const token = readVariable("ADMIN_TOKEN", io);
  if (typeof token === "object") throw new UsageError(`${token.from}: ${token.message}`);
  return token;
}

/** Calls a replica's admin port; `undefined` if it cannot be reached. */
export async function askAdmin(
  url: URL,
  token: string | undefined,
  request: RequestInit = {},
): Promise<Response | undefined> {
  const headers = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    "content-type": "application/json",
  };
  try {
    return await fetch(url, { ...request, headers });
  } catch {
    return undefined;
  }
}
