import tap from "tap";

import { check } from "./check.ts";
import { Needed, type LawName } from "./laws.ts";
import { startTwins } from "./twins.ts";

/** Tests the comparison itself: two CMSs that both get direct requests do not differ. */

const OF_VALUES: readonly LawName[] = ["tenantId", "person", "virtual", "join", "populate", "empty"];

await tap.test(
  "the CMS does not differ from itself, and the comparison needs no law of values",
  async (t) => {
    const needed = new Needed();
    const twins = await startTwins(needed, { isControl: true, uuids: true });
    t.teardown(() => twins.close());
    t.strictSame(await check(twins, { seed: 7, count: 25 }), undefined);
    t.strictSame(
      OF_VALUES.filter((law) => needed.counts.has(law)),
      [],
    );
  },
);
