import * as z from "zod";
import { duration, patience, size } from "./units.ts";
import { count, hostPort } from "./words.ts";

/** What is remembered: the section `cache`. */
export const cache = z.strictObject({
  keyTtl: duration
    .prefault("30s")
    .describe("How long it is remembered whose key it is: the longest that a withdrawn key goes on working."),
  tenantTtl: duration.prefault("60s").describe("How long a tenant's facts are remembered."),
  absentTtl: duration
    .prefault("5s")
    .describe("How long it is remembered that a key or tenant does not exist."),
  tenantGrace: duration
    .prefault("60s")
    .describe("How much longer a tenant's facts are used where the CMS cannot be asked. A key's never are."),
  cutOffTtl: duration
    .prefault("5s")
    .describe("How long facts are remembered while Redis is configured and this replica does not hear it."),
  jitter: z.coerce
    .number()
    .min(0)
    .max(0.5)
    .default(0.1)
    .describe("The share of each life that is cut off at random, so that not all facts expire together."),
  keys: count.default(10_000).describe("Keys remembered, at the most."),
  tenants: count.default(10_000).describe("Tenants remembered, at the most."),
  absent: count.default(10_000).describe("Known-absent keys and tenants remembered, at the most."),
  bytes: size
    .prefault("16MiB")
    .describe("Memory for remembered keys, at the most, and as much again for tenants."),
  lookupsPerSecond: count
    .default(50)
    .describe("Keys never seen as good that a process asks the CMS about each second; over it 503."),
});

/** Where replicas share it: the section `redis`. */
export const redis = z
  .strictObject({
    url: z
      .string()
      .regex(/^rediss?:\/\//, { error: "expected a redis:// or rediss:// URL" })
      .optional()
      .describe("Where replicas share what they know. Without it every process remembers for itself."),
    sentinels: z
      .array(hostPort)
      .default([])
      .describe("In place of url: the Sentinels to ask for the master, e.g. [sentinel-1:26379]."),
    master: z.string().min(1).default("mymaster").describe("What the Sentinels call the master."),
    cluster: z
      .array(hostPort)
      .default([])
      .describe("In place of url: some nodes of a Redis Cluster, e.g. [node-1:6379]."),
    tls: z
      .boolean()
      .default(false)
      .describe("TLS to Sentinels' master or Cluster; in a URL rediss:// says so."),
    username: z.string().min(1).optional().describe("The ACL user, if the URL does not name one."),
    password: z.string().min(1).optional().describe("The password, if the URL does not hold one."),
    sentinelUsername: z.string().min(1).optional().describe("The ACL user on the Sentinels."),
    sentinelPassword: z.string().min(1).optional().describe("The password of the Sentinels."),
    prefix: z
      .string()
      .regex(/^[\w.:-]+$/, { error: "expected letters, digits and . : _ -" })
      .default("partners-gateway")
      .describe("What keys and channels begin with; one for each environment that shares a Redis."),
    secret: z
      .string()
      .min(32, { error: "expected at least 32 characters" })
      .optional()
      .describe(
        "The same on all replicas: what is stored in Redis is named and sealed by it. Without it facts are not shared.",
      ),
    commandTimeout: patience
      .prefault("50ms")
      .describe("The longest that a request waits for Redis, once; then Redis is left out for a while."),
    connectTimeout: patience.prefault("1s").describe("The longest that connecting to Redis may take."),
    ackTimeout: patience
      .prefault("250ms")
      .describe("The longest that an administrator's write waits for the replicas to have forgotten."),
  })
  .superRefine(({ url, sentinels, cluster }, context) => {
    const ways = [url !== undefined, sentinels.length > 0, cluster.length > 0].filter(Boolean);
    if (ways.length > 1)
      context.addIssue({ code: "custom", message: "give one of url, sentinels and cluster, not several" });
  });
