import { inTurns, type Part } from "../part.ts";
import { BOTH_CORES, sizeOf } from "../processes.ts";
import { startGateway, type RunningGateway } from "../start.ts";
import { spreadOf } from "../statistics.ts";
import { PARTNERS, scriptsOf } from "../subjects.ts";
import { measure, type Sample } from "../wrk.ts";

const TITLE = "two workers against one";

/** Compares two processes of one gateway with one, on the two cores that load and upstream also use. */
export const workers: Part = {
  name: "workers",
  async *run({ options, upstream }) {
    const { rounds = 10, seconds = 3, warmup } = options;
    const running: RunningGateway[] = [];
    try {
      for (const count of ["1", "2"])
        running.push(await startGateway(upstream, { core: BOTH_CORES, env: { WORKERS: count } }));
      const script = scriptsOf(PARTNERS).document;
      const one = ({ url, pid }: RunningGateway, stretch: number): Promise<Sample> =>
        measure({ origin: url, script, connections: 64, seconds: stretch, pid, core: BOTH_CORES });
      const samples: Sample[][] = running.map(() => []);
      for (const gateway of running) await one(gateway, warmup);
      for (let round = 0; round < rounds; round += 1)
        for (const [at, gateway] of inTurns(running.entries(), round))
          samples[at]?.push(await one(gateway, seconds));
      const [single = []] = samples;
      const ratio = (list: readonly Sample[], of: (sample: Sample) => number) =>
        spreadOf(list.map((sample, round) => of(sample) / of(single[round] ?? sample)));
      yield {
        title: TITLE,
        notes: [
          `Nothing is pinned: workers, load and upstream share the cores, so two workers do not have two cores; "cores" is what they used. 64 connections, different documents; ratios to one worker in the same round; median of ${rounds} rounds of ${seconds} s [least-greatest].`,
        ],
        rows: samples.map((list, at) => ({
          workers: String(at + 1),
          processes: String(sizeOf(running[at]?.pid ?? 0)),
          "requests per second": ratio(list, ({ perSecond }) => perSecond),
          "requests per CPU second": ratio(list, ({ perCpuSecond }) => perCpuSecond),
          cores: spreadOf(list.map(({ cores }) => cores)),
          "p99 ms": spreadOf(list.map(({ p99 }) => p99)),
          "RSS MB": spreadOf(list.map(({ rss }) => rss)).median,
        })),
      };
    } finally {
      for (const gateway of running) await gateway.stop();
    }
  },
};
