import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { hangs, startFaultyLine } from "../support/faults.ts";
import { startProgram, type Program } from "../support/program.ts";
import { until } from "../support/until.ts";

/** The secrets in the files that Node writes about a process: reports and heap snapshots. */

t.setTimeout(0);

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

const POSTS = "/partners/2026-02/tenant-a/posts";
/** The gateway's own secrets, which stay in memory while it runs. */
const OWN = { serviceKey: cms.keys.service, redisPassword: "PLANTED-redis-password" };
const OTHERS = {
  partner: cms.keys.partnerA,
  stranger: "PLANTED-key-of-nobody",
  environment: "PLANTED-environment",
};

async function start(t: Test, options: string): Promise<{ program: Program; dir: string }> {
  const dir = t.testdir();
  const program = await startProgram(line.url, {
    preload: join(import.meta.dirname, "../support/crash.ts"),
    env: {
      NODE_OPTIONS: `--report-directory=${dir} --diagnostic-dir=${dir} ${options}`,
      CMS_SERVICE_KEY: OWN.serviceKey,
      REDIS_URL: `redis://someone:${OWN.redisPassword}@127.0.0.1:1/0`,
      SOMETHING_ELSE: OTHERS.environment,
    },
  });
  t.teardown(async () => {
    program.signal("SIGKILL");
    await program.ended;
  });
  return { program, dir };
}

async function ask(program: Program, key: string): Promise<number> {
  const headers = { authorization: `users API-Key ${key}`, connection: "close" };
  return (await fetch(program.url + POSTS, { headers })).status;
}

/** The one file that Node writes there, once it is complete. */
function written(dir: string, isWhole: (text: string) => boolean): Promise<string> {
  return until(`a complete file in ${dir}`, () => {
    const [name] = readdirSync(dir);
    const text = name === undefined ? "" : readFileSync(join(dir, name), "utf8");
    return isWhole(text) && text;
  });
}

const isJson = (text: string): boolean => {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
};

function holds(t: Test, text: string, names: Readonly<Record<string, string>>): void {
  for (const [name, secret] of Object.entries(names)) t.notOk(text.includes(secret), name);
}

t.test("a report requested by a signal holds no environment", async (t) => {
  const { program, dir } = await start(t, "--report-on-signal --report-signal=SIGURG");
  t.equal(await ask(program, OTHERS.partner), 200);
  program.signal("SIGURG");
  const report = await written(dir, isJson);
  t.match(JSON.parse(report), { header: { trigger: "Signal" } });
  t.notOk("environmentVariables" in JSON.parse(report));
  holds(t, report, { ...OWN, ...OTHERS });
});

t.test("an out-of-memory error writes no report, which would hold secrets", async (t) => {
  const { program, dir } = await start(t, "--report-on-fatalerror --max-old-space-size=64");
  t.match(program.output(), /No report will be written of a fatal error: .*Add --report-exclude-env/);
  program.signal("SIGWINCH");
  await program.ended;
  t.match(program.output(), /heap out of memory/);
  t.strictSame(readdirSync(dir), []);
  holds(t, program.output(), { ...OWN, ...OTHERS });
});

t.test(
  "an out-of-memory error writes a report without the environment if Node's options exclude it",
  async (t) => {
    const { program, dir } = await start(
      t,
      "--report-on-fatalerror --report-exclude-env --max-old-space-size=64",
    );
    t.notMatch(program.output(), "No report");
    program.signal("SIGWINCH");
    await program.ended;
    const report = await written(dir, isJson);
    t.match(JSON.parse(report), { header: { trigger: "OOMError" } });
    holds(t, report, { ...OWN, ...OTHERS });
  },
);

t.test(
  "a heap snapshot holds the gateway's own secrets, and clients' keys only while their requests are in flight",
  async (t) => {
    const { program, dir } = await start(t, "--heapsnapshot-signal=SIGURG");
    const snapshot = async (): Promise<string> => {
      program.signal("SIGURG");
      const text = await written(dir, (each) => /\]\}\n?$/.test(each.slice(-3)) && isJson(each));
      for (const name of readdirSync(dir)) rmSync(join(dir, name));
      return text;
    };
    t.equal(await ask(program, OTHERS.partner), 200);
    t.equal(await ask(program, OTHERS.stranger), 401);
    // Both connections close after their responses; the gateway holds their keys until then.
    const idle = await until("a snapshot without any client's key", async () => {
      const text = await snapshot();
      return !Object.values(OTHERS).some((secret) => text.includes(secret)) && text;
    });
    for (const [name, secret] of Object.entries(OWN)) t.ok(idle.includes(secret), `${name} is found`);

    line.stage(hangs);
    const before = line.asked.length;
    const isAsked = (): boolean => line.asked.slice(before).some((asked) => asked.includes("/users/"));
    const under = ask(program, OTHERS.stranger.replace("nobody", "somebody")).catch(() => 0);
    while (!isAsked()) await line.carried(line.asked.length + 1);
    t.ok((await snapshot()).includes("PLANTED-key-of-somebody"), "the key of a request in flight is found");
    await line.heal();
    await under;
  },
);
