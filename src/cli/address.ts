import type { Config } from "../config/schema.ts";
import { ConfigError } from "../config/problem.ts";

const NO_SHARED_PORTS =
  "this platform has no ports that processes share (SO_REUSEPORT): set it to false, and put a balancer before replicas that each have a port";

/**
 * Converts an error of `listen` to a problem of the setting with the address. Other errors are returned
 * unchanged.
 */
export function addressProblem(error: unknown, { server }: Config): unknown {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return error;
  if (error.syscall !== "listen") return error;
  if (error.code === "ENOTSUP") return new ConfigError([`server.reusePort: ${NO_SHARED_PORTS}`]);
  const port = "port" in error ? Number(error.port) : server.port;
  const isAdmin = port === server.adminPort && port !== server.port;
  const [section, variables] = isAdmin
    ? ["server.adminPort", "ADMIN_PORT, ADMIN_HOST"]
    : ["server.port", "PORT, HOST"];
  const at = `${isAdmin ? server.adminHost : server.host}:${port}`;
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: `${at} is taken by another process: stop that one, or set another port${isAdmin ? "" : sharing(server)}`,
    EACCES: `this user may not listen on ${at}: set a port above 1023`,
    EADDRNOTAVAIL: `${at} is no address of this machine: set one that is, or 0.0.0.0`,
    ENOTFOUND: `${at} cannot be resolved: set an address of this machine`,
  };
  const reason = reasons[String(error.code)];
  return reason === undefined ? error : new ConfigError([`${section} (${variables}): ${reason}`]);
}

/** The kernel shares a port among processes of one user that all ask for it. */
function sharing({ reusePort }: Config["server"]): string {
  return reusePort
    ? ". Replicas share a port if each of them has server.reusePort, and all run as one user"
    : "";
}
