import { join } from "node:path";
import { inTurns, type Part } from "../part.ts";
import {
  freePort,
  jsonFrom,
  OTHER_CORE,
  peakOf,
  resetPeak,
  startOn,
  untilAnswers,
  usage,
} from "../processes.ts";
import type { Transfer, Transferred } from "../programs/stream-client.ts";
import type { Table } from "../report.ts";
import type { Running } from "../start.ts";
import { spreadOf } from "../statistics.ts";
import { subjectOf, UNIT } from "../subjects.ts";

const PROGRAMS = join(import.meta.dirname, "../programs");
const BYTES = 2 ** 30;
const DIRECT = "direct, no proxy";

interface Measured {
  readonly mbPerSecond: number;
  readonly cpu: number;
  readonly peak: number;
}

/** Measures one gigabyte each way through the native path, and through http-proxy-3. */
export const stream: Part = {
  name: "stream",
  async *run({ options }) {
    const { rounds = 3 } = options;
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const args = [join(PROGRAMS, "stream-upstream.ts"), String(port)];
    const upstream = { ...startOn({ core: OTHER_CORE, command: process.execPath, args }), url };
    const running = new Map<string, Running>([[DIRECT, upstream]]);
    try {
      await untilAnswers(url);
      // Both request only the path that they are given, and the gateway is ready once any response arrives.
      for (const name of [UNIT, "gateway, native"])
        running.set(name, await subjectOf(name).start({ port, url }));
      for (const direction of ["download", "upload"] as const) {
        const found = new Map([...running.keys()].map((name) => [name, new Array<Measured>()]));
        for (let round = 0; round < rounds; round += 1)
          for (const [name, one] of inTurns(running, round))
            found.get(name)?.push(await transferred(one, direction));
        yield tableOf(direction, found, rounds);
      }
    } finally {
      for (const one of running.values()) await one.stop();
    }
  },
};

async function transferred({ url, pid }: Running, direction: Transfer["direction"]): Promise<Measured> {
  const argument: Transfer = { url: `${url}/api/media/file/big.bin`, direction, bytes: BYTES };
  resetPeak(pid);
  const before = usage(pid).cpu;
  const { seconds } = await jsonFrom<Transferred>({
    program: join(PROGRAMS, "stream-client.ts"),
    argument,
  });
  return { mbPerSecond: BYTES / 1e6 / seconds, cpu: usage(pid).cpu - before, peak: peakOf(pid) };
}

function tableOf(direction: string, found: ReadonlyMap<string, readonly Measured[]>, rounds: number): Table {
  const unit = found.get(UNIT) ?? [];
  return {
    title: `${direction} of 1 GiB`,
    notes: [
      `Client and upstream are Node on the other core, and share it; ratios to ${UNIT} in the same round; median of ${rounds} [least-greatest]. Peak RSS is the greatest at any moment.`,
    ],
    rows: [...found].map(([subject, list]) => ({
      subject,
      "MB/s": spreadOf(list.map(({ mbPerSecond }) => mbPerSecond)),
      "MB/s, ratio": spreadOf(list.map(({ mbPerSecond }, i) => mbPerSecond / (unit[i]?.mbPerSecond ?? NaN))),
      ...(subject === DIRECT
        ? { "CPU s": "", "peak RSS MB": "" }
        : {
            "CPU s": spreadOf(list.map(({ cpu }) => cpu)),
            "peak RSS MB": spreadOf(list.map(({ peak }) => peak)),
          }),
    })),
  };
}
