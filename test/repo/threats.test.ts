import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";

const root = join(import.meta.dirname, "../..");
const text = readFileSync(join(root, "docs/threats.md"), "utf8");
/** A cell that names a test: its file, and a part of its title up to the end of the cell. */
const named = [...text.matchAll(/\| `([a-z0-9]+\/[a-z0-9/-]+)`: ([^|]+?) (?=\|)/g)];

t.test("every test that docs/threats.md names exists under that title", (t) => {
  t.ok(named.length > 50, `${named.length} are named`);
  for (const [, file = "", title = ""] of named) {
    const source = readFileSync(join(root, "test", `${file}.test.ts`), "utf8");
    t.ok(source.includes(title), `${file}: ${title}`);
  }
  t.end();
});

t.test("every threat has a test", (t) => {
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| (?:others|#|state) /.test(line));
  const bare = rows.filter((row) => !row.includes("`: ") && !row.startsWith("| CMS down"));
  t.strictSame(bare, [], "a threat without a test");
  t.end();
});
