import { readFileSync } from "node:fs";
import { Redis } from "ioredis";
import { systemClock, wallTime } from "../../../src/app/clock.ts";
import { createUpstreamContext } from "../../../src/app/upstream-context.ts";
import { createProcessServices } from "../../../src/app/process-services.ts";
import { createCachedLookups } from "../../../src/app/cached-lookups.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { DEFAULT_UPSTREAM, upstreamsOf } from "../../../src/config/upstream.ts";
import { FOREVER } from "../../../src/core/async/cancellation.ts";
import type { LookupContext } from "../../../src/core/ports.ts";
import { Secret } from "../../../src/core/secret.ts";
import { createLog } from "../../../src/observe/log.ts";
import { keyOf } from "../upstream.ts";

/**
 * Stores keys and tenants in Redis like a gateway after their lookups: with the gateway's own caches and
 * made-up responses of the CMS. Argument: JSON as `Filling`; the configuration comes from the environment.
 */
export interface Filling {
  /** The first and the last number; key n belongs to user n, who is a member of tenant n, `t-n`. */
  readonly from: number;
  readonly to: number;
  /**
   * How many processes fill at the same time. None begins before all are connected, since each that joins
   * makes Redis start a new epoch.
   */
  readonly parties: number;
}

export interface Filled {
  readonly seconds: number;
}

const { from, to, parties }: Filling = JSON.parse(process.argv[2] ?? "{}");
const config = loadConfig({ env: process.env, readFile: (path) => readFileSync(path, "utf8") });
const log = createLog("fatal", { write: () => undefined });
const services = createProcessServices(config, { clock: systemClock, wallTime, log });
const settings = upstreamsOf(config).get(DEFAULT_UPSTREAM);
if (settings === undefined) throw new Error("there is no upstream");
const upstream = createUpstreamContext(config, { name: DEFAULT_UPSTREAM, settings }, services);
const cms: typeof upstream.cms = {
  ...upstream.cms,
  identify: (key) => {
    const id = Number(Secret.reveal(key).slice(-12));
    return Promise.resolve({ userId: id, tenantIds: [1, id], allTenants: false, roles: [] });
  },
  findTenant: (ref) => {
    const slug = ref.by === "slug" ? ref.slug : "";
    return Promise.resolve({ id: Number(slug.slice(2)), slug, installedApps: [] });
  },
};
const { name, learntFrom } = upstream;
const { keys, tenants } = createCachedLookups(services, { name, cms, hasServiceKey: true, learntFrom });
const note = { stage: "fill", upstreamRequests: 0, upstreamMs: 0 };
const asking: LookupContext = { requestId: "fill", signal: FOREVER, note };

async function fill(number: number): Promise<void> {
  const credential = new Secret(keyOf(number));
  const viewer = { credential, name: String(number) };
  await keys.find(credential, asking);
  await tenants.find({ ref: { by: "slug", slug: `t-${number}` }, viewer }, asking);
}

while (services.cache.redisState?.shared !== true)
  await new Promise((resolve) => void setTimeout(resolve, 10));
const redis = new Redis(config.redis.url ?? "");
await redis.incr("bench-parties");
while (Number(await redis.get("bench-parties")) < parties)
  await new Promise((resolve) => void setTimeout(resolve, 10));
const begun = performance.now();
// The first write creates the epoch; if several did so at once, all but one would write nothing.
await fill(from);
let current = from + 1;
const workers = Array.from({ length: 256 }, async () => {
  while (current <= to) await fill(current++);
});
await Promise.all(workers);
// Writes to Redis are not awaited, but Redis answers a later command after them.
await new Promise((resolve) => void setTimeout(resolve, 500));
const filled: Filled = { seconds: (performance.now() - begun) / 1_000 };
process.stdout.write(`${JSON.stringify(filled)}\n`, () => process.exit(0));
