import { hasRedis } from "../cache/redis.ts";
import type { Config } from "../config/schema.ts";
import type { Io } from "./io.ts";

/** Linux 5.14 and newer: 1, and connections queued for a listener that closes go to another one of the same port. */
const MIGRATION = "/proc/sys/net/ipv4/tcp_migrate_req";

/** A guarantee that does not hold for replicas that share a port. */
export interface ReplicaWarning {
  /** The setting to change. */
  readonly setting: string;
  readonly message: string;
}

/** The guarantees that do not hold for replicas that share a port, by the configuration and this machine; `[]` for one gateway. */
export function replicaWarnings(config: Config, io: Pick<Io, "readFile">): readonly ReplicaWarning[] {
  if (!config.server.reusePort) return [];
  return [
    ...(hasRedis(config.redis) ? [] : [WITHOUT_REDIS]),
    ...(migratesConnections(io) ? [] : [WITHOUT_MIGRATION]),
  ];
}

const WITHOUT_REDIS: ReplicaWarning = {
  setting: "redis.url",
  message:
    "replicas share a port (server.reusePort) and no Redis: each counts rate limits for itself, a purge reaches one replica, " +
    "and a key or tenant withdrawn through one is accepted by the others for up to cache.keyTtl or cache.tenantTtl; set REDIS_URL",
};

const WITHOUT_MIGRATION: ReplicaWarning = {
  setting: "net.ipv4.tcp_migrate_req",
  message:
    "the kernel resets the connections that are queued for a replica when it ends: set net.ipv4.tcp_migrate_req=1 " +
    "(Linux 5.14 and newer), and they go to another replica",
};

function migratesConnections({ readFile }: Pick<Io, "readFile">): boolean {
  try {
    return readFile(MIGRATION).trim() === "1";
  } catch {
    // An older kernel, or another system.
    return false;
  }
}
