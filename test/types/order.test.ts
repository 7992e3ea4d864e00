import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";

const root = join(import.meta.dirname, "../..");

t.test("a pipeline in the wrong order does not compile", async (t) => {
  const source = readFileSync(join(root, "test/types/order.ts"), "utf8");
  const wrong = source.match(/@ts-expect-error/g)?.length ?? 0;
  t.ok(wrong >= 12, `${wrong} wrong programs are tried`);
  // An unused @ts-expect-error is an error: were one of the programs accepted, the check would fail.
  const { status, stdout } = spawnSync("tsc", ["-p", "tsconfig.json"], { encoding: "utf8", cwd: root });
  const errors = stdout.split("\n").filter((line) => line.startsWith("test/types/"));
  t.strictSame(errors, []);
  t.not(status, null, "the compiler ran");
});
