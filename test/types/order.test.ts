import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { typeCheck } from "../support/type-check.ts";

const root = join(import.meta.dirname, "../..");

t.test("a pipeline in the wrong order does not compile", async (t) => {
  const source = readFileSync(join(root, "test/types/order.ts"), "utf8");
  const wrong = source.match(/@ts-expect-error/g)?.length ?? 0;
  t.ok(wrong >= 12, `${wrong} wrong programs are tried`);
  // An unused @ts-expect-error is an error, so an accepted program fails the check.
  const { output, status } = await typeCheck(join(root, "tsconfig.json"));
  t.equal(output, "");
  t.equal(status, 0, "the compiler ran and rejected each of them");
});
