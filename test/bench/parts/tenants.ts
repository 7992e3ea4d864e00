import { rmSync } from "node:fs";
import { join } from "node:path";
import { metricsOf, sumOf } from "../metrics.ts";
import type { Bench, Part } from "../part.ts";
import { jsonFrom, MEASURED_CORE, OTHER_CORE } from "../processes.ts";
import type { Filled, Filling } from "../programs/fill-redis.ts";
import { startRedis } from "../redis.ts";
import type { Table } from "../report.ts";
import { environmentOf, startGateway, type RunningGateway } from "../start.ts";
import { spreadOf } from "../statistics.ts";
import { AUTHORIZATION_FORMAT, type Upstream } from "../upstream.ts";
import { askingAs, measure, type Sample } from "../wrk.ts";

const PROGRAM = join(import.meta.dirname, "../programs/fill-redis.ts");
const TITLE = "cost per request by keys and tenants known to Redis";
/** The keys that send the requests: a few, some hot ones, or all. */
const [FEW, HOT] = [10, 1_000];
const SIZES = [FEW, 10_000, 1_000_000];
const SETTINGS = {
  cache: { keyTtl: "3h", tenantTtl: "3h", jitter: 0, lookupsPerSecond: 1_000_000 },
  // With ten keys and 64 connections, equal reads would be in flight together and be shared.
  partners: { shareReads: false },
  // After a Redis timeout, a gateway no longer trusts older entries and asks the CMS again. A busy machine
  // must not cause a timeout.
  redis: { commandTimeout: "5s" },
};

interface Row {
  readonly known: number;
  /** How many keys send requests. */
  readonly asking: number;
  readonly gateway: RunningGateway;
  readonly samples: Sample[];
}

/** Measures the cost of a request with a growing number of keys and tenants. */
export const tenants: Part = {
  name: "tenants",
  async *run(bench) {
    if (!bench.present.has("redis-server")) {
      yield { title: TITLE, notes: ["Not measured: redis-server is missing."], rows: [] };
      return;
    }
    const stops: (() => Promise<void>)[] = [];
    try {
      // A gateway for each row, whose cache holds only the entries of that row.
      const rows: Row[] = [];
      for (const known of SIZES) {
        const redis = await startRedis();
        stops.push(() => redis.stop());
        const env = { REDIS_URL: redis.url, CACHE_SECRET: "of-a-benchmark-and-nothing-else-at-all" };
        for (const asking of new Set([FEW, Math.min(HOT, known), known])) {
          const gateway = await startGateway(bench.upstream, { settings: SETTINGS, env });
          stops.push(() => gateway.stop());
          rows.push({ known, asking, gateway, samples: [] });
        }
        // After the gateways have started: each that joins makes Redis start a new epoch.
        bench.say(`filling Redis with ${known} keys and tenants`);
        await fill(known, bench.upstream, env);
      }
      yield await tableOf(rows, bench);
    } finally {
      for (const stop of stops.toReversed()) await stop();
    }
  },
};

/** On both cores, since nothing is measured meanwhile. */
async function fill(
  count: number,
  upstream: Upstream,
  redis: Readonly<Record<string, string>>,
): Promise<void> {
  const { env, dir } = environmentOf(upstream, { settings: SETTINGS, env: redis });
  const half = Math.floor(count / 2);
  const part = (argument: Omit<Filling, "parties">, core: string): Promise<Filled> =>
    jsonFrom<Filled>({ program: PROGRAM, argument: { ...argument, parties: 2 }, core, env });
  try {
    await Promise.all([
      part({ from: 1, to: half }, OTHER_CORE),
      part({ from: half + 1, to: count }, MEASURED_CORE),
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function tableOf(rows: readonly Row[], { options }: Bench): Promise<Table> {
  const { rounds = 3, seconds = 3, warmup } = options;
  const one = ({ asking, gateway: { url, pid } }: Row, number: string, stretch: number): Promise<Sample> => {
    const path = "/partners/2026-02/t-%d/pages/1";
    const script = askingAs({
      path,
      authorization: AUTHORIZATION_FORMAT,
      number: number.replace("N", `${asking}`),
    });
    return measure({ origin: url, script, connections: 64, seconds: stretch, pid });
  };
  for (const row of rows) await one(row, "(turn - 1) % N + 1", warmup);
  for (let round = 0; round < rounds; round += 1)
    for (const row of rows) row.samples.push(await one(row, "random(N)", seconds));
  const least = rows[0]?.samples ?? [];
  const ratio = (samples: readonly Sample[], of: (sample: Sample) => number) =>
    spreadOf(samples.map((sample, round) => of(sample) / of(least[round] ?? sample)));
  const cells = rows.map(async ({ known, asking, samples, gateway }) => ({
    "known to Redis": String(known),
    "asking, at random": asking === known ? "all" : `${asking} of them`,
    "µs CPU": spreadOf(samples.map(({ perCpuSecond }) => 1e6 / perCpuSecond)),
    "CPU, ratio": ratio(samples, ({ perCpuSecond }) => 1 / perCpuSecond),
    "requests per second, ratio": ratio(samples, ({ perSecond }) => perSecond),
    ...(await sharesOf(gateway)),
    "RSS MB": spreadOf(samples.map(({ rss }) => rss)).median,
  }));
  return {
    title: TITLE,
    notes: [
      `One document for many keys, each of its own tenant, 64 connections; ratios to the first row in the same round; median of ${rounds} rounds of ${seconds} s [least-greatest]. A gateway itself caches 10,000 of each (\`cache.keys\`, \`cache.tenants\`).`,
    ],
    rows: await Promise.all(cells),
  };
}

/** The sources of cached lookups, including the warm-up, in percent. */
async function sharesOf({ adminUrl }: RunningGateway): Promise<Record<string, number>> {
  const page = await metricsOf(adminUrl);
  const of = (labels: Record<string, string>) => sumOf(page, "gateway_fact_lookups_total", labels);
  const share = (via: string): number => (of({ via }) / of({})) * 100;
  const memory = share("memory") + share("joined");
  return { "% from memory": memory, "% from Redis": share("redis"), "% from the CMS": share("cms") };
}
