import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import t from "tap";
import { sqlClient } from "../support/cms/database.ts";
import { proofOf, runCli, startProved, tableCounts, WRITE } from "../support/prove.ts";
import { until } from "../support/until.ts";

// Partial proofs and other ways to run one.
t.setTimeout(0);

const root = join(import.meta.dirname, "../..");
const { cms, url } = await startProved(t);

/** How many posts a proof has created and not yet removed. */
async function made(): Promise<number> {
  const { rows } = await sqlClient(cms.payload).execute(
    "SELECT count(*) AS n FROM posts WHERE title LIKE 'Post prove-%'",
  );
  return Number(rows[0]?.["n"]);
}

t.test("reports a shared collection that is not declared as a leak", async (t) => {
  const { argv, env } = proofOf(url, true);
  const undeclared = argv.filter((word) => word !== "--shared" && word !== "events,venues");
  const ran = await runCli([...undeclared, "--only", "versions"], env);
  t.equal(ran.code, 1);
  t.match(ran.out, /both keys list events .*--shared events/);
});

t.test("prints one JSON document without the keys when run as a process", async (t) => {
  const { argv, env } = proofOf(url);
  const child = spawn(process.execPath, ["src/cli/main.ts", ...argv, "--json", "--only", "versions,keys"], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  const report: unknown = JSON.parse(out);
  t.match(report, { holds: true, mode: "read-only", failures: [] });
  t.equal(child.exitCode, 0);
  t.equal(err, "", "no progress without a terminal");
  for (const key of Object.values(env)) t.notOk(out.includes(key));
});

t.test("removes its records after SIGINT", async (t) => {
  const before = await tableCounts(cms);
  const { argv, env } = proofOf(url);
  const child = spawn(
    process.execPath,
    ["src/cli/main.ts", ...argv, ...WRITE, "--json", "--only", "create"],
    {
      cwd: root,
      env: { ...process.env, ...env },
    },
  );
  await until("a record of the proof", async () => {
    if (child.exitCode !== null) throw new Error("the proof ended before it was interrupted");
    return (await made()) > 0;
  });
  child.kill("SIGINT");
  const [out] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  t.equal(child.exitCode, 1);
  t.match(JSON.parse(out), { holds: false, stopped: "stopped", leftBehind: [] });
  t.strictSame(await tableCounts(cms), before);
});
