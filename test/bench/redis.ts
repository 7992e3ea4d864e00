import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort, OTHER_CORE, startOn, type Started } from "./processes.ts";

/** The benchmark's own Redis, empty and without persistence, on the core of the load. */
export interface BenchRedis extends Started {
  readonly url: string;
  readonly client: Redis;
}

/** Starts it. */
export async function startRedis(): Promise<BenchRedis> {
  const dir = mkdtempSync(join(tmpdir(), "bench-redis-"));
  const port = await freePort();
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir];
  const args = [...place, "--save", "", "--appendonly", "no"];
  const started = startOn({ core: OTHER_CORE, command: "redis-server", args });
  const url = `redis://127.0.0.1:${port}`;
  const client = new Redis(url, { retryStrategy: () => 50 });
  client.on("error", () => undefined);
  await client.ping();
  return {
    ...started,
    url,
    client,
    async stop() {
      client.disconnect();
      await started.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
