import { writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { ensureTools } from "./tools.ts";
import { SUBJECTS, type Load, type RunningSubject, type Subject } from "./subjects.ts";
import { printed, tableOf, type Row } from "./table.ts";
import { startUpstream } from "./upstream.ts";

/**
 * `npm run bench`: the gateway beside its peers, as ratios to a plain http-proxy-3 that are measured in the same run.
 * Prints tables and writes `bench.json`.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    warmup: { type: "string", default: "4" },
    connections: { type: "string", default: "64,8,256" },
    loads: { type: "string", default: "document,list" },
    only: { type: "string" },
    out: { type: "string", default: "bench.json" },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const present = ensureTools(say);
const isWanted = ({ name }: Subject): boolean =>
  values.only === undefined ||
  name === "http-proxy-3" ||
  values.only.split(",").some((word) => name.includes(word));
const subjects = SUBJECTS.filter(
  (subject) => isWanted(subject) && (subject.needs === undefined || present.has(subject.needs)),
);

const machine = `${cpus()[0]?.model ?? "?"}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
say(
  `${machine}\nratios to http-proxy-3 measured just before; median of ${values.rounds} rounds [least-greatest]`,
);
const upstream = await startUpstream();
const running = new Map<Subject, RunningSubject>();
const tables: Record<string, Row[]> = {};
try {
  for (const subject of subjects) running.set(subject, await subject.start(upstream));
  for (const load of values.loads
    .split(",")
    .filter((name): name is Load => name === "document" || name === "list")) {
    for (const connections of values.connections.split(",").map(Number)) {
      const title = `${load}, ${connections} connections`;
      const rows = await tableOf(running, {
        warmup: Number(values.warmup),
        load,
        connections,
        rounds: Number(values.rounds),
        seconds: Number(values.seconds),
      });
      tables[title] = rows;
      say(`\n## ${title}\n\n${printed(rows)}`);
    }
  }
} finally {
  for (const subject of running.values()) await subject.stop();
  await upstream.stop();
}
writeFileSync(
  values.out,
  `${JSON.stringify({ machine, date: new Date().toISOString(), tables }, undefined, 2)}\n`,
);
say(`\nwritten to ${values.out}`);
