import { parseArgs } from "node:util";

import { check } from "./check.ts";
import { LAWS, Needed } from "./laws.ts";
import { startTwins } from "./twins.ts";

/**
 * `npm run differential`: runs many generated sequences. `--sequences` (20000) of them from `--seed`
 * (random), `--uuids` for records with UUIDs, `--control` to send direct requests to both CMSs. With
 * `TEST_POSTGRES_URL`, the CMSs use PostgreSQL.
 */

const { values } = parseArgs({
  options: {
    sequences: { type: "string", default: "20000" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    uuids: { type: "boolean", default: false },
    control: { type: "boolean", default: false },
  },
});
/** Sequences between two lines of progress. Each batch begins a run of fast-check with its own seed. */
const BATCH = 250;

const total = Number(values.sequences);
const first = Number(values.seed);
if (!Number.isInteger(total) || total < 1)
  throw new Error("--sequences is a number of sequences, e.g. 20000");
if (!Number.isInteger(first)) throw new Error("--seed is a whole number, e.g. 42");

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const needed = new Needed();
const twins = await startTwins(needed, { uuids: values.uuids, isControl: values.control });
const begun = performance.now();
let done = 0;
let differences = 0;
while (done < total) {
  const seed = first + done / BATCH;
  const count = Math.min(BATCH, total - done);
  const finding = await check(twins, { seed, count });
  if (finding !== undefined) {
    differences += 1;
    say(`difference (seed ${seed}): ${JSON.stringify(finding)}`);
  }
  done += count;
  say(`${done} sequences, ${differences} differences, ${Math.round((performance.now() - begun) / 1000)} s`);
}
say(`seed ${first}, laws needed:`);
for (const law of Object.keys(LAWS)) say(`  ${law}: ${new Map<string, number>(needed.counts).get(law) ?? 0}`);
await twins.close();
process.exitCode = differences === 0 ? 0 : 1;
