import tap from "tap";

import { CASES } from "./cases.ts";
import { check } from "./check.ts";
import { Needed } from "./laws.ts";
import { startTwins } from "./twins.ts";

/**
 * What a partner gets through the gateway is what the CMS answers when it is asked straight, and what is stored is the same,
 * but for the laws of `laws.ts`. The long version is `npm run differential`.
 */

const FIXED = 20_261_201;
const COUNT = 280;
/** Few: what they find is news, and no fault of the change that happens to be tested. */
const CHANGING = 20;

const twins = await startTwins(new Needed());
tap.teardown(() => twins.close());

for (const { name, steps } of CASES)
  await tap.test(name, async (t) => t.equal(await twins.run(steps), undefined));

await tap.test("generated sequences of a fixed seed", async (t) =>
  t.strictSame(await check(twins, { seed: FIXED, count: COUNT }), undefined),
);

const seed = Math.floor(Math.random() * 2 ** 31);
await tap.test(`generated sequences of seed ${seed}`, async (t) =>
  t.strictSame(await check(twins, { seed, count: CHANGING }), undefined),
);
