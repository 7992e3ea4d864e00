import t from "tap";
import { proofOf, reportIn, runCli, startProved, tableCounts, WRITE } from "../support/prove.ts";

t.setTimeout(0);

const { cms, url } = await startProved(t);

t.test("every case passes for the gateway before a real CMS, and no record is left behind", async (t) => {
  const before = await tableCounts(cms);
  const { argv, env } = proofOf(url);
  const ran = await runCli([...argv, ...WRITE, "--json"], env);
  const report = reportIn(ran);
  t.comment(
    `${String(report["cases"])} cases, ${String(report["requests"])} requests, ${String(report["seconds"])} s`,
  );
  t.strictSame(report["failures"], []);
  t.match(report, { holds: true, broken: [], strays: [], leftBehind: [], stopped: null, mode: "write" });
  t.equal(ran.code, 0);
  t.ok(Number(report["cases"]) >= 3_000, `${String(report["cases"])} cases`);
  t.strictSame(await tableCounts(cms), before);
});
