import { systemClock, wallTime } from "../../../src/app/clock.ts";
import { startGateway } from "../../../src/app/gateway.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { createSilentLog } from "../../../src/observe/log.ts";
import { stringify } from "yaml";
import { startCms } from "../cms/server.ts";
import { startFaultyLine } from "../faults.ts";
import { startRedis } from "../redis.ts";

/** The gateway between a real CMS and a real Redis, and a clock that skips a quarter of an hour. */
export interface Scene {
  readonly adminUrl: string;
  /** Plays a quarter of an hour of traffic. At its end the CMS is unreachable. */
  play(): Promise<void>;
  close(): Promise<void>;
}

const SLOT_MS = 5_000;
const SLOTS = 180;
const SETTINGS = {
  partners: {
    versions: ["2024-11", "2025-07", "2026-02"],
    versionSettings: {
      "2024-11": { deprecation: "2025-03-01", sunset: "2027-03-01" },
      "2025-07": { deprecation: "2026-02-01", sunset: "2028-01-31" },
    },
  },
};

/** Starts it on free ports. All requests are real; only the time between them is skipped. */
export async function openScene(): Promise<Scene> {
  const [cms, redis] = await Promise.all([startCms({ record: false }), startRedis()]);
  const line = await startFaultyLine(() => cms.port);
  let skipped = 0;
  const config = loadConfig({
    env: {
      UPSTREAM_URL: line.url,
      HOST: "127.0.0.1",
      PORT: "0",
      ADMIN_PORT: "0",
      REDIS_URL: redis.url,
      CACHE_SECRET: "a secret for the screenshots alone",
      CONFIG_FILE: "settings",
    },
    readFile: () => stringify(SETTINGS),
  });
  const clock = { ...systemClock, now: () => systemClock.now() + skipped };
  const gateway = await startGateway(config, { clock, wallTime, log: createSilentLog() });
  const ask = asker(`http://127.0.0.1:${gateway.port}`, cms.keys);
  return {
    adminUrl: `http://127.0.0.1:${gateway.adminPort}`,
    async play() {
      for (let slot = 0; slot < SLOTS; slot += 1) {
        if (slot === SLOTS - 9) await line.refuse();
        await ask(slot, slot >= SLOTS - 9 ? 14 : 4 + Math.round(3 * Math.sin(slot / 25) + (slot % 3)));
        if (slot < SLOTS - 1) skipped += SLOT_MS;
      }
    },
    async close() {
      await gateway.stop();
      await line.close();
      await Promise.all([cms.close(), redis.close()]);
    },
  };
}

const FIRST_PATH = "posts?limit=1";

type Keys = Readonly<Record<"partnerA" | "partnerB" | "partnerC" | "partnerAC", string>>;

/** Sends `n` requests as four partners would, a few of them invalid. */
function asker(url: string, keys: Keys) {
  const first = { key: keys.partnerA, tenant: "tenant-a", version: "2026-02" };
  const partners = [
    first,
    { key: keys.partnerA, tenant: "tenant-a", version: "2026-02" },
    { key: keys.partnerB, tenant: "tenant-b", version: "2025-07" },
    { key: keys.partnerC, tenant: "tenant-c", version: "2026-02" },
    { key: keys.partnerAC, tenant: "tenant-c", version: "2024-11" },
  ];
  const paths = ["posts?limit=3", "events?limit=5", "venues/1", "pages?limit=2", "posts?limit=1&depth=0"];
  const send = async (path: string, key: string): Promise<void> => {
    const headers = { authorization: `users API-Key ${key}` };
    await (await fetch(`${url}/partners/${path}`, { headers })).arrayBuffer();
  };
  return async (slot: number, n: number): Promise<void> => {
    const requests = Array.from({ length: n }, (_, i) => {
      const { key, tenant, version } = partners[(slot + i * 3) % partners.length] ?? first;
      return send(`${version}/${tenant}/${paths[(slot * 2 + i) % paths.length] ?? FIRST_PATH}`, key);
    });
    if (slot % 6 === 0) requests.push(send("2026-02/tenant-b/posts", keys.partnerA));
    if (slot % 11 === 0) requests.push(send("2023-01/tenant-a/posts", keys.partnerA));
    if (slot % 17 === 0) requests.push(send("2026-02/tenant-a/posts", "not-a-key"));
    await Promise.all(requests);
  };
}
