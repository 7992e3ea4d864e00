import t from "tap";
import { runSoak } from "../soak/run.ts";

/** The short form of `npm run soak`: see docs/soak.md. */

// Two minutes of traffic, and a loaded machine takes its time to start and to stop what takes part in it.

t.test(
  "mixed traffic over a CMS and a Redis that are restarted: nothing wrong, nothing leaked, all accounted for",
  async (t) => {
    const soak = await runSoak({ seconds: 120, restartEvery: 25, clients: 8, samples: 4 });
    const { ledger, gauges, quiet } = soak;
    t.ok(ledger.answers > 200, `${ledger.answers} answers`);
    t.ok(soak.cmsRestarts >= 2, `${soak.cmsRestarts} restarts of the CMS`);
    t.ok(soak.redisRestarts >= 2, `${soak.redisRestarts} restarts of Redis`);
    t.strictSame(ledger.wrong, [], "no wrong answer, no foreign record");
    t.equal(ledger.unaccounted, 0, "every answer is in the log, with its status");
    t.ok(ledger.left > 0, "clients left early");
    t.equal(soak.exitCode, 0);
    t.equal(soak.warnings, "", "nothing on standard error, such as a leak of listeners");
    t.equal(quiet.sockets, 2, "no socket is left when all have gone, but the two to Redis");
    const [first = quiet] = gauges;
    t.ok(quiet.heap - first.heap < 10_000_000, `heap in use ${first.heap} to ${quiet.heap}`);
    t.ok(quiet.malloc - first.malloc < 20_000_000, `C library's heaps ${first.malloc} to ${quiet.malloc}`);
  },
);
