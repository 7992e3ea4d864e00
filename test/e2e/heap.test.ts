import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { startProgram } from "../support/program.ts";
import { until } from "../support/until.ts";

const run = promisify(execFile);

/** Preloaded into the program: at this signal the process prints the tag that V8 derives from all its flags. */
const TOLD = "SIGUSR2";
const TELLS = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from "node:fs";
  import { cachedDataVersionTag } from "node:v8";
  const tell = () => JSON.stringify({ msg: "flags", tag: cachedDataVersionTag() });
  process.on("${TOLD}", () => writeSync(1, tell() + "\\n"));`)}`;

/** The tag of a process started with `flags`. */
async function tagOf(flags: readonly string[]): Promise<number> {
  const { stdout } = await run(process.execPath, [...flags, "-p", "v8.cachedDataVersionTag()"], { env: {} });
  return Number(stdout);
}

t.test("the gateway runs with the V8 flags that the program sets", async (t) => {
  const program = await startProgram("http://127.0.0.1:1", { preload: TELLS });
  t.teardown(() => program.stop());
  program.signal(TOLD);
  const told = await until("the flags of the process", () =>
    program.lines().find(({ msg }) => msg === "flags"),
  );
  const wanted = await tagOf([
    "--no-allocation-site-pretenuring",
    "--retain-maps-for-n-gc=100",
    "--heap-growing-percent=100",
  ]);
  t.not(wanted, await tagOf([]));
  t.equal(told["tag"], wanted);
});
