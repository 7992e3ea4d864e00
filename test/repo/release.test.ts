import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { released } from "../../scripts/release.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const FILES = {
  "package.json": '{"version": "0.1.0"}'.replace('"version"', '\n  "version"'),
  "package-lock.json": '"version": "0.1.0", "version": "0.1.0", "x": {"version": "0.1.0"}',
  "CHANGELOG.md": "# Changelog\n\n## 0.2.0 (unreleased)\n\n- x\n\n## 0.1.0 (2026-01-01)\n",
  "config/kubernetes/deployment.yaml": "image: partners-gateway:0.1.0\n",
};

t.test("a release names one version and one date everywhere", async (t) => {
  t.strictSame(released(FILES, "0.2.0", "2026-12-01"), {
    "package.json": '{\n  "version": "0.2.0"}',
    "package-lock.json": '"version": "0.2.0", "version": "0.2.0", "x": {"version": "0.1.0"}',
    "CHANGELOG.md": "# Changelog\n\n## 0.2.0 (2026-12-01)\n\n- x\n\n## 0.1.0 (2026-01-01)\n",
    "config/kubernetes/deployment.yaml": "image: partners-gateway:0.2.0\n",
  });
});

t.test("a release that is not ready says what to do first", async (t) => {
  t.throws(() => released(FILES, "next", "d"), /next is no version such as/);
  t.throws(() => released(FILES, "0.0.9", "d"), /0\.0\.9 is older than 0\.1\.0/);
  t.throws(() => released(FILES, "0.3.0", "d"), /no "## 0\.3\.0 \(unreleased\)"/);
});

t.test("the files of this project are as a release expects them", async (t) => {
  const [, next = ""] = /^## (\S+) \(unreleased\)$/m.exec(read("CHANGELOG.md")) ?? [];
  const ran = spawnSync(process.execPath, ["scripts/release.ts", next], { cwd: root, encoding: "utf8" });
  t.equal(ran.stderr, "");
  t.match(ran.stdout, /write {2}CHANGELOG\.md[^]*tag {4}v[^]*Nothing was changed/);
});
