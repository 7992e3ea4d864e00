import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { against } from "./against.ts";
import { described, thisMachine } from "./machine.ts";
import type { Bench, Load, Part } from "./part.ts";
import { idle } from "./parts/idle.ts";
import { latency } from "./parts/latency.ts";
import { payload } from "./parts/payload.ts";
import { start } from "./parts/start.ts";
import { stream } from "./parts/stream.ts";
import { tables } from "./parts/tables.ts";
import { tenants } from "./parts/tenants.ts";
import { v8 } from "./parts/v8.ts";
import { printed, type Table } from "./report.ts";
import { ensureTools } from "./tools.ts";
import { startUpstream } from "./upstream.ts";

/**
 * `npm run bench`: measures the gateway's cost beside its peers in the same run. Prints tables and writes
 * them as JSON. `-- --help` lists the flags.
 */
const PARTS: readonly Part[] = [start, latency, tables, stream, idle, tenants, payload, v8];
const NAMES = PARTS.map(({ name }) => name);

const HELP = `npm run bench -- [flags]

  --parts <names>        of ${NAMES.join(",")}; default all, about 30 minutes
  --against <git ref>    in place of the parts: the working tree compared with that commit, about 4 minutes
  --rounds <n>           how often everything is measured, --seconds <n> how long each time; each part has its own default
  --warmup <n>           seconds of load before anything counts, default 3
  --loads, --connections, --only
                         of the tables: document,list; 64,8,256; words of the subjects' names
  --out <file>           default bench.json
`;

const { values } = parseArgs({
  options: {
    parts: { type: "string", default: NAMES.join(",") },
    against: { type: "string" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    warmup: { type: "string", default: "3" },
    connections: { type: "string", default: "64,8,256" },
    loads: { type: "string", default: "document,list" },
    only: { type: "string", default: "" },
    out: { type: "string", default: "bench.json" },
    help: { type: "boolean", default: false },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);

// The children end when this process exits, but not when a signal ends it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

if (values.help) say(HELP);
else await benchmark();

async function benchmark(): Promise<void> {
  const parts = values.against === undefined ? words(values.parts).map(partOf) : [against(values.against)];
  const machine = thisMachine();
  const present = ensureTools(say);
  say(described(machine));
  const upstream = await startUpstream();
  const options: Bench["options"] = {
    rounds: numberOf("rounds"),
    seconds: numberOf("seconds"),
    warmup: numberOf("warmup") ?? 3,
    connections: words(values.connections).map(Number),
    loads: words(values.loads).map(loadOf),
    only: words(values.only),
  };
  const found: Record<string, { seconds: number; tables: Table[] }> = {};
  try {
    for (const part of parts) {
      const begun = performance.now();
      const list: Table[] = [];
      for await (const table of part.run({ options, upstream, present, say })) {
        say(`\n${printed(table)}`);
        list.push(table);
      }
      found[part.name] = { seconds: Math.round((performance.now() - begun) / 1_000), tables: list };
    }
  } finally {
    await upstream.stop();
    const report = { machine, date: new Date().toISOString(), parts: found };
    writeFileSync(values.out, `${JSON.stringify(report, undefined, 2)}\n`);
    say(`\nwritten to ${values.out}`);
  }
}

function words(list: string): string[] {
  return list.split(",").filter((word) => word !== "");
}

function numberOf(name: "rounds" | "seconds" | "warmup"): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} ${text}: expected a whole number above 0`);
  return Number(text);
}

function partOf(word: string): Part {
  const part = PARTS.find(({ name }) => name === word);
  if (part === undefined) throw new Error(`--parts ${word}: expected some of ${NAMES.join(",")}`);
  return part;
}

function loadOf(word: string): Load {
  if (word === "document" || word === "list") return word;
  throw new Error(`--loads ${word}: expected document, list or both`);
}
