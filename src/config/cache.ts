import * as z from "zod";
import { duration, positiveDuration, size } from "./units.ts";
import { count, hostPort } from "./words.ts";

/** The settings of the cache: the section `cache`. */
export const cache = z.strictObject({
  keyTtl: duration
    .prefault("30s")
    .describe("How long the user of a key is cached. A revoked key works at most this long."),
  tenantTtl: duration.prefault("60s").describe("How long a tenant is cached."),
  absentTtl: duration.prefault("5s").describe("How long a key or tenant that does not exist is cached."),
  tenantGrace: duration
    .prefault("60s")
    .describe(
      "How long an expired tenant is still used if the CMS does not answer. Keys have no grace period.",
    ),
  cutOffTtl: duration
    .prefault("5s")
    .describe(
      "How long keys and tenants are cached while this replica is disconnected from the configured Redis.",
    ),
  jitter: z.coerce
    .number()
    .min(0)
    .max(0.5)
    .default(0.1)
    .describe(
      "The largest share of each TTL that is subtracted at random, so that not all entries expire together.",
    ),
  keys: count.default(10_000).describe("The largest number of cached keys."),
  tenants: count.default(10_000).describe("The largest number of cached tenants."),
  absent: count.default(10_000).describe("The largest number of cached absent keys and tenants."),
  bytes: size
    .prefault("16MiB")
    .describe("The memory limit of cached keys, and separately of cached tenants."),
  lookupsPerSecond: count
    .default(50)
    .describe(
      "The largest number of unknown keys that a process looks up in the CMS per second; over it, the answer is 503.",
    ),
});

/** The Redis that replicas share: the section `redis`. */
export const redis = z
  .strictObject({
    url: z
      .string()
      .regex(/^rediss?:\/\//, { error: "expected a redis:// or rediss:// URL" })
      .optional()
      .describe(
        "The URL of a Redis that replicas share, e.g. redis://redis:6379. Without Redis each process has its own cache.",
      ),
    sentinels: z
      .array(hostPort)
      .default([])
      .describe("In place of url: the addresses of Sentinels, e.g. [sentinel-1:26379]."),
    master: z.string().min(1).default("mymaster").describe("The name of the master at the Sentinels."),
    cluster: z
      .array(hostPort)
      .default([])
      .describe("In place of url: the addresses of some nodes of a Redis Cluster, e.g. [node-1:6379]."),
    tls: z
      .boolean()
      .default(false)
      .describe("Enables TLS to a Sentinel master or a Cluster. A URL with rediss:// enables it by itself."),
    username: z.string().min(1).optional().describe("The Redis ACL user, if the URL has none."),
    password: z.string().min(1).optional().describe("The Redis password, if the URL has none."),
    sentinelUsername: z.string().min(1).optional().describe("The ACL user at the Sentinels."),
    sentinelPassword: z.string().min(1).optional().describe("The password at the Sentinels."),
    prefix: z
      .string()
      .regex(/^[\w.:-]+$/, { error: "expected letters, digits and . : _ -" })
      .default("partners-gateway")
      .describe(
        "The prefix of keys and channels. Environments that share a Redis need different ones, e.g. gateway-staging.",
      ),
    secret: z
      .string()
      .min(32, { error: "expected at least 32 characters" })
      .optional()
      .describe(
        "The secret, equal on all replicas, that digests the names of Redis records and seals them. Without it, replicas share invalidations but no cached keys or tenants.",
      ),
    commandTimeout: positiveDuration
      .prefault("50ms")
      .describe(
        "The timeout of a Redis command. After one timeout the gateway uses no Redis for a while (1s, doubled with each failure, at most 10s).",
      ),
    connectTimeout: positiveDuration.prefault("1s").describe("The timeout of a connection attempt to Redis."),
    ackTimeout: positiveDuration
      .prefault("250ms")
      .describe(
        "The longest that a native write waits for the other replicas to acknowledge its invalidation.",
      ),
  })
  .superRefine(({ url, sentinels, cluster }, context) => {
    const given = [url !== undefined, sentinels.length > 0, cluster.length > 0].filter(Boolean);
    if (given.length > 1)
      context.addIssue({ code: "custom", message: "give one of url, sentinels and cluster, not several" });
  });
