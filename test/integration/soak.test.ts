import t from "tap";
import { answeredKinds } from "../soak/asks.ts";
import { runCounted } from "../soak/counted.ts";

/** The mix of `npm run soak`, measured by counts of answers. docs/soak.md says what it measures. */

t.test(
  "mixed traffic while Redis and the CMS fail and recover: no wrong answer, each one in the log",
  async (t) => {
    const { ledger, warnings, exitCode } = await runCounted({ clients: 6, requests: 40, step: 40 });
    t.strictSame(ledger.wrong, [], "no wrong answer, no foreign record");
    t.equal(ledger.unaccounted, 0, "every answer is in the log, with its status");
    t.strictSame(
      [...answeredKinds(false)].filter((kind) => !ledger.kinds.has(kind)),
      [],
      "every kind of request was answered",
    );
    t.ok(ledger.left > 0, "clients disconnected early");
    t.equal(exitCode, 0);
    t.equal(warnings, "", "nothing on standard error, such as a leak of listeners");
    t.comment(`${ledger.answers} answers, ${ledger.left} left, ${ledger.excused} excused`);
  },
);
