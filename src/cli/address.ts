import type { Config } from "../config/schema.ts";
import { ConfigError } from "../config/problem.ts";

/** An error of listening as a problem of the setting that named the address; any other error as it is. */
export function addressProblem(error: unknown, { server }: Config): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return error;
  // A worker is told of it by the primary, as an error of `bind`.
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
