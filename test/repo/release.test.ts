import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { released, VERSIONED } from "../../scripts/release.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const FILES = {
  "package.json": '{"version": "0.1.0"}'.replace('"version"', '\n  "version"'),
  "package-lock.json": '"version": "0.1.0", "version": "0.1.0", "x": {"version": "0.1.0"}',
  "CHANGELOG.md": "# Changelog\n\n## 0.2.0 (unreleased)\n\n- x\n\n## 0.1.0 (2026-01-01)\n",
  "config/kubernetes/deployment.yaml": "image: partners-gateway:0.1.0\n",
};
const AUTHOR = {
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@b.test",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@b.test",
};

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
interface Bill {
  readonly metadata: { readonly component: Record<string, unknown> };
  readonly components: readonly { readonly "bom-ref": string }[];
}
interface Locked {
  readonly version?: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

t.test("a release writes one version and one date everywhere", async (t) => {
  t.strictSame(released(FILES, "0.2.0", "2026-12-01"), {
    "package.json": '{\n  "version": "0.2.0"}',
    "package-lock.json": '"version": "0.2.0", "version": "0.2.0", "x": {"version": "0.1.0"}',
    "CHANGELOG.md": "# Changelog\n\n## 0.2.0 (2026-12-01)\n\n- x\n\n## 0.1.0 (2026-01-01)\n",
    "config/kubernetes/deployment.yaml": "image: partners-gateway:0.2.0\n",
  });
});

t.test("a release that is not ready fails with what to do first", async (t) => {
  t.throws(() => released(FILES, "next", "d"), /next is no version such as/);
  t.throws(() => released(FILES, "0.0.9", "d"), /0\.0\.9 is older than 0\.1\.0/);
  t.throws(() => released(FILES, "0.3.0", "d"), /no "## 0\.3\.0 \(unreleased\)"/);
});

t.test("the changelog begins with the next version or the current one", async (t) => {
  const [, newest = "", state] =
    /^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$/m.exec(read("CHANGELOG.md")) ?? [];
  const { version }: { version: string } = JSON.parse(read("package.json"));
  if (state !== "unreleased") t.equal(newest, version);
  else
    t.ok(
      released(
        { ...FILES, "package.json": read("package.json"), "CHANGELOG.md": read("CHANGELOG.md") },
        newest,
        "d",
      ),
    );
});

/** A git repository with the files of a release and a next version. */
function copyOf(t: Test): {
  readonly dir: string;
  readonly run: (command: string, ...args: string[]) => Ran;
} {
  const dir = t.testdir();
  for (const path of [...VERSIONED, "scripts", ".npmrc"])
    cpSync(join(root, path), join(dir, path), { recursive: true });
  const changes = read("CHANGELOG.md").replace(/^## /m, "## 99.0.0 (unreleased)\n\n- x\n\n## ");
  writeFileSync(join(dir, "CHANGELOG.md"), changes);
  const env = { ...process.env, ...AUTHOR, GIT_CEILING_DIRECTORIES: join(dir, "..") };
  const run = (command: string, ...args: string[]): Ran => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: dir, env, encoding: "utf8" });
    return { status, stdout, stderr };
  };
  for (const words of [["init"], ["add", "."], ["commit", "-m", "before"]]) run("git", ...words);
  return { dir, run };
}

t.test("a dry run prints the changes of a release and makes none of them", async (t) => {
  const { run } = copyOf(t);
  const ran = run(process.execPath, "scripts/release.ts", "99.0.0");
  t.equal(ran.stderr, "");
  t.match(ran.stdout, /write {2}package\.json\nwrite {2}package-lock\.json\nwrite {2}CHANGELOG\.md\n/);
  t.match(
    ran.stdout,
    /write {2}sbom\.cdx\.json\ncommit release: 99\.0\.0\ntag {4}v99\.0\.0\nNothing was changed: this was a dry run/,
  );
  t.equal(run("git", "status", "--porcelain").stdout + run("git", "tag").stdout, "");
});

t.test(
  "a release is one commit with its tag and a bill of all runtime dependencies and no others",
  async (t) => {
    const { dir, run } = copyOf(t);
    t.match(run(process.execPath, "scripts/release.ts", "99.0.0", "--yes"), { status: 0, stderr: "" });
    t.equal(run("git", "status", "--porcelain").stdout, "");
    t.equal(run("git", "show", "--format=%s", "-s", "v99.0.0^{commit}").stdout, "release: 99.0.0\n");
    t.strictSame(
      run("git", "diff", "--name-only", "HEAD~", "v99.0.0").stdout.trim().split("\n"),
      [...VERSIONED, "sbom.cdx.json"].toSorted(),
    );
    const bill: Bill = JSON.parse(readFileSync(join(dir, "sbom.cdx.json"), "utf8"));
    t.match(bill.metadata.component, { name: "partners-gateway", version: "99.0.0", type: "application" });
    const listed = bill.components.map((component) => component["bom-ref"]).toSorted();
    t.strictSame(listed, [...reachable(JSON.parse(read("package-lock.json")).packages)].toSorted());
  },
);

t.test("a failed release leaves the tree unchanged", async (t) => {
  const { dir, run } = copyOf(t);
  const files = VERSIONED.map((path) => readFileSync(join(dir, path), "utf8"));
  mkdirSync(join(dir, ".git/hooks"), { recursive: true });
  writeFileSync(join(dir, ".git/hooks/pre-commit"), "#!/bin/sh\necho not today >&2\nexit 1\n", {
    mode: 0o755,
  });
  t.match(run(process.execPath, "scripts/release.ts", "99.0.0", "--yes"), { status: 1, stderr: /not today/ });
  t.equal(run("git", "status", "--porcelain").stdout + run("git", "tag").stdout, "");
  t.strictSame(
    VERSIONED.map((path) => readFileSync(join(dir, path), "utf8")),
    files,
  );
});

/** The runtime dependencies of a lock file's root, resolved like Node does, as `name@version`. */
function reachable(packages: Readonly<Record<string, Locked>>): Set<string> {
  const seen = new Set([""]);
  for (const path of seen) {
    const { dependencies, optionalDependencies } = packages[path] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      let from = path;
      while (packages[`${from}/node_modules/${name}`.replace(/^\//, "")] === undefined && from !== "")
        from = from.slice(0, Math.max(0, from.lastIndexOf("/node_modules/")));
      const found = `${from}/node_modules/${name}`.replace(/^\//, "");
      if (packages[found] !== undefined) seen.add(found);
    }
  }
  seen.delete("");
  return new Set(
    [...seen].map((path) => `${path.replace(/^.*node_modules\//, "")}@${packages[path]?.version}`),
  );
}
