import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";

interface Locked {
  readonly packages: Readonly<
    Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>
  >;
}

const text = readFileSync(join(import.meta.dirname, "../../package-lock.json"), "utf8");

t.test("the lock file names no registry's host", async (t) => {
  t.notMatch(text, /"resolved": "https?:/);
});

t.test(
  "the lock file has an entry for every platform's build of a tool, which npm ci requires",
  async (t) => {
    const { packages }: Locked = JSON.parse(text);
    const present = new Set(Object.keys(packages).map((path) => path.split("node_modules/").at(-1)));
    for (const tool of ["oxfmt", "oxlint", "oxlint-tsgolint"]) {
      const builds = Object.keys(packages[`node_modules/${tool}`]?.optionalDependencies ?? {});
      t.ok(builds.length > 0, tool);
      for (const build of builds) t.ok(present.has(build), build);
    }
  },
);
