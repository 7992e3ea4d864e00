import t from "tap";
import { proofOf, reportIn, runCli, startProved, WRITE } from "../support/prove.ts";

t.setTimeout(0);

const { url } = await startProved(t);

t.test(
  "every case passes for two tenants of one group, which may read each other's shared records",
  async (t) => {
    const { argv, env } = proofOf(url, true);
    const only = ["--only", "disguises,ids,where,trespass,relations"];
    const report = reportIn(await runCli([...argv, ...WRITE, "--json", ...only], env));
    t.comment(`${String(report["cases"])} cases`);
    t.strictSame(report["failures"], []);
    t.equal(report["holds"], true);
  },
);
