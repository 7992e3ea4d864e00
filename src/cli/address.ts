import type { Config } from "../config/schema.ts";
import { ConfigError } from "../config/problem.ts";

/**
 * Converts an error of `listen` to a problem of the setting with the address. Other errors are returned
 * unchanged.
 */
export function addressProblem(error: unknown, { server }: Config): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return error;
  // A worker gets the primary's error, with the system call `bind`.
  if (error.syscall !== "listen" && error.syscall !== "bind") return error;
  const port = "port" in error ? Number(error.port) : server.port;
  const isAdmin = port === server.adminPort && port !== server.port;
  const [section, variables] = isAdmin
    ? ["server.adminPort", "ADMIN_PORT, ADMIN_HOST"]
    : ["server.port", "PORT, HOST"];
  const at = `${isAdmin ? server.adminHost : server.host}:${port}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${at} is taken by another process: stop that one, or set another port`,
    EACCES: `this user may not listen on ${at}: set a port above 1023`,
    EADDRNOTAVAIL: `${at} is no address of this machine: set one that is, or 0.0.0.0`,
    ENOTFOUND: `${at} cannot be resolved: set an address of this machine`,
  };
  const reason = reasons[String(error.code)];
  return reason === undefined ? error : new ConfigError([`${section} (${variables}): ${reason}`]);
}
