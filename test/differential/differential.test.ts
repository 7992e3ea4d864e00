import tap from "tap";

import { CASES } from "./cases.ts";
import { check } from "./check.ts";
import { Needed } from "./laws.ts";
import { startTwins } from "./twins.ts";

/**
 * Compares the gateway's responses to a partner with the CMS's responses to direct requests, and the stored
 * data. They must be equal except for the laws of `laws.ts`. The long version is `npm run differential`.
 */

const FIXED = 20_261_201;
const COUNT = 280;
/** Few, because they may find faults that are not of the change under test. */
const CHANGING = 20;

const twins = await startTwins(new Needed());
tap.teardown(() => twins.close());

for (const { name, steps } of CASES)
  await tap.test(name, async (t) => t.equal(await twins.run(steps), undefined));

await tap.test("generated sequences of a fixed seed do not differ", async (t) =>
  t.strictSame(await check(twins, { seed: FIXED, count: COUNT }), undefined),
);

const seed = Math.floor(Math.random() * 2 ** 31);
await tap.test(`generated sequences of seed ${seed} do not differ`, async (t) =>
  t.strictSame(await check(twins, { seed, count: CHANGING }), undefined),
);
