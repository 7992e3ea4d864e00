import { join } from "node:path";
import type { Bench, Part } from "../part.ts";
import { freePort, OTHER_CORE, startOn, untilAnswers, usage } from "../processes.ts";
import type { Table } from "../report.ts";
import { startGateway, type Running } from "../start.ts";
import { spreadOf } from "../statistics.ts";
import { asking, measure } from "../wrk.ts";
import { countAll } from "../counts.ts";

const MAIN = join(import.meta.dirname, "../../support/cms/main.ts");

/** Measures the gateway in front of a real Payload: the remaining throughput, and the requests to Payload. */
export const payload: Part = {
  name: "payload",
  async *run(bench) {
    const counts = await countAll();
    yield counts.table;
    const port = await freePort();
    const args = [MAIN, "--port", String(port)];
    const cms = startOn({ core: OTHER_CORE, command: process.execPath, args });
    const url = `http://127.0.0.1:${port}`;
    let gateway: Running | undefined;
    try {
      await untilAnswers(url);
      gateway = await startGateway(
        { url },
        { settings: { partners: { shareReads: false } }, env: { CMS_SERVICE_KEY: counts.serviceKey } },
      );
      const places = { direct: { ...cms, url }, gateway };
      yield await tableOf(places, counts.asked, bench);
    } finally {
      await gateway?.stop();
      // On SIGTERM the CMS removes its data.
      await cms.stop("SIGTERM");
    }
  },
};

/** The requests to the gateway, and the requests that it sends to the CMS for them. */
type Asked = Awaited<ReturnType<typeof countAll>>["asked"];

interface Sample {
  readonly perSecond: number;
  readonly p50: number;
  /** CPU milliseconds per request, of the CMS and of the gateway. */
  readonly cms: number;
  readonly gateway: number;
}

async function tableOf(
  { direct, gateway }: { direct: Running; gateway: Running },
  asked: Asked,
  { options }: Bench,
): Promise<Table> {
  const { rounds = 4, seconds = 4, warmup } = options;
  const one = async (origin: string, script: string, stretch: number): Promise<Sample> => {
    const before = usage(direct.pid).cpu;
    const load = { origin, script, connections: 16, seconds: stretch, pid: gateway.pid };
    const { perSecond, p50, cores, requests } = await measure(load);
    const cms = ((usage(direct.pid).cpu - before) / requests) * 1_000;
    return { perSecond, p50, cms, gateway: (cores / perSecond) * 1_000 };
  };
  const rows = [];
  for (const { name, through, directly, headers } of asked) {
    const scripts = { through: asking(through, headers), directly: asking(directly, headers) };
    await one(direct.url, scripts.directly, warmup);
    await one(gateway.url, scripts.through, warmup);
    const pairs: { directly: Sample; through: Sample }[] = [];
    for (let round = 0; round < rounds; round += 1)
      pairs.push({
        directly: await one(direct.url, scripts.directly, seconds),
        through: await one(gateway.url, scripts.through, seconds),
      });
    const ratio = (of: (sample: Sample) => number) =>
      spreadOf(pairs.map(({ directly, through }) => of(through) / of(directly)));
    rows.push({
      load: name,
      "directly, per second": spreadOf(pairs.map(({ directly }) => directly.perSecond)),
      "through the gateway, ratio": ratio(({ perSecond }) => perSecond),
      "p50, ratio": ratio(({ p50 }) => p50),
      "CMS's CPU per request, ms": spreadOf(pairs.map(({ directly }) => directly.cms)),
      "the same through the gateway, ratio": ratio(({ cms }) => cms),
      "gateway's own, ms": spreadOf(pairs.map(({ through }) => through.gateway)),
    });
  }
  return {
    title: "throughput in front of a real Payload",
    notes: [
      `The test CMS (SQLite) alone on one core with the load, the gateway on the other; 16 connections; the direct requests are exactly those that the gateway sends, with the same key; equal reads not shared; median of ${rounds} rounds of ${seconds} s [least-greatest].`,
    ],
    rows,
  };
}
