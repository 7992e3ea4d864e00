import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import t from "tap";
import { parse } from "yaml";
import { isObject } from "../../src/core/json.ts";
import { sqlClient, tableNames } from "../support/cms/database.ts";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";
import { proofOf, reportIn, runCli, SAMPLES } from "../support/prove.ts";

t.setTimeout(0);

const root = join(import.meta.dirname, "../..");
const settings: unknown = parse(readFileSync(join(root, "test/support/demo/config.yaml"), "utf8"));
const cms = await startCms({ record: false });
const gateway = await startTestGateway(cms.url, isObject(settings) ? settings : {});
t.teardown(async () => {
  await gateway.stop();
  await cms.close();
});
const write = ["--write", "--yes", "--samples", SAMPLES];

/** How many posts a proof has made and not yet removed. */
async function made(): Promise<number> {
  const { rows } = await sqlClient(cms.payload).execute(
    "SELECT count(*) AS n FROM posts WHERE title LIKE 'Post prove-%'",
  );
  return Number(rows[0]?.["n"]);
}

/** Every table of the CMS with how many rows it has. */
async function tableCounts(): Promise<Record<string, number>> {
  const sql = sqlClient(cms.payload);
  const counts: Record<string, number> = {};
  for (const name of await tableNames(cms.payload)) {
    const counted = await sql.execute(`SELECT count(*) AS n FROM "${name}"`);
    counts[name] = Number(counted.rows[0]?.["n"]);
  }
  return counts;
}

t.test("everything holds of the gateway before a real CMS, and nothing is left behind", async (t) => {
  const before = await tableCounts();
  const { argv, env } = proofOf(gateway.url);
  const ran = await runCli([...argv, ...write, "--json"], env);
  const report = reportIn(ran);
  t.comment(
    `${String(report["cases"])} cases, ${String(report["requests"])} requests, ${String(report["seconds"])} s`,
  );
  t.strictSame(report["failures"], []);
  t.match(report, { holds: true, broken: [], strays: [], leftBehind: [], stopped: null, mode: "write" });
  t.equal(ran.code, 0);
  t.ok(Number(report["cases"]) >= 3_000, `${String(report["cases"])} cases`);
  t.strictSame(await tableCounts(), before);
});

t.test("of two tenants of one group as well, whose shared records each may read", async (t) => {
  const { argv, env } = proofOf(gateway.url, true);
  const only = "disguises,ids,where,trespass,relations";
  const report = reportIn(await runCli([...argv, ...write, "--json", "--only", only], env));
  t.comment(`${String(report["cases"])} cases`);
  t.strictSame(report["failures"], []);
  t.equal(report["holds"], true);
});

t.test("a shared collection that is not declared is said to leak", async (t) => {
  const { argv, env } = proofOf(gateway.url, true);
  const undeclared = argv.filter((word) => word !== "--shared" && word !== "events,venues");
  const ran = await runCli([...undeclared, "--only", "versions"], env);
  t.equal(ran.code, 1);
  t.match(ran.out, /both keys list events .*--shared events/);
});

t.test("as a process it prints one JSON document, and nothing of the keys", async (t) => {
  const { argv, env } = proofOf(gateway.url);
  const child = spawn(process.execPath, ["src/cli/main.ts", ...argv, "--json", "--only", "versions,keys"], {
    cwd: root,
    env: { ...process.env, ...env },
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  const report: unknown = JSON.parse(out);
  t.match(report, { holds: true, mode: "read-only", failures: [] });
  t.equal(child.exitCode, 0);
  t.equal(err, "", "no progress where nobody watches");
  for (const key of Object.values(env)) t.notOk(out.includes(key));
});

t.test("interrupted, it removes what it has made", async (t) => {
  const before = await tableCounts();
  const { argv, env } = proofOf(gateway.url);
  const child = spawn(
    process.execPath,
    ["src/cli/main.ts", ...argv, ...write, "--json", "--only", "create"],
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
  t.strictSame(await tableCounts(), before);
});
