import t from "tap";
import { runSoak } from "../soak/run.ts";

/** The short form of `npm run soak`: see docs/soak.md. */

t.test(
  "mixed traffic over a CMS that is restarted: nothing wrong, nothing leaked, all accounted for",
  async (t) => {
    const { ledger, gauges, quiet, warnings, restarts, exitCode } = await runSoak({
      seconds: 40,
      restartEvery: 10,
      clients: 8,
    });
    t.ok(ledger.answers > 200, `${ledger.answers} answers`);
    t.ok(restarts >= 2, `${restarts} restarts`);
    t.strictSame(ledger.wrong, [], "no wrong answer, no foreign record");
    t.equal(ledger.unaccounted, 0, "every answer is in the log, with its status");
    t.ok(ledger.left > 0, "clients left early");
    t.equal(exitCode, 0);
    t.equal(warnings, "", "nothing on standard error, such as a leak of listeners");
    t.equal(quiet.sockets, 0, "no socket is left when all have gone");
    const [first] = gauges;
    t.ok(quiet.heap - (first?.heap ?? 0) < 10_000_000, `heap ${first?.heap} to ${quiet.heap}`);
  },
);
