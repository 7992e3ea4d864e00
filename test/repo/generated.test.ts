import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { parse } from "yaml";
import { generated } from "../../scripts/generate.ts";
import { ENVIRONMENT, SECRET_VARIABLES } from "../../src/config/environment.ts";
import { loadConfig } from "../../src/config/load.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

t.test("the files generated from the schema are up to date (npm run generate)", async (t) => {
  for (const [path, text] of Object.entries(generated())) t.equal(read(path), text, path);
});

t.test("default.yaml loads to the configuration of an empty file", async (t) => {
  const env = { UPSTREAM_URL: "http://cms.internal:3000" };
  const fromNothing = loadConfig({ env, readFile: () => "" });
  const fromFile = loadConfig({
    env: { ...env, CONFIG_FILE: "default.yaml" },
    readFile: () => read("config/default.yaml"),
  });
  t.strictSame(fromFile, fromNothing);
  const sections: unknown = parse(read("config/default.yaml"));
  t.strictSame(Object.keys(sections ?? {}), Object.keys(fromNothing));
});

t.test("example.env names every environment variable, and no other", async (t) => {
  const named = [...read("config/example.env").matchAll(/^#? ?([A-Z][A-Z_]+)=/gm)].map(
    ([, name = ""]) => name,
  );
  const files = SECRET_VARIABLES.map((name) => `${name}_FILE`);
  t.strictSame(named.toSorted(), [...Object.keys(ENVIRONMENT), ...files, "CONFIG_FILE"].toSorted());
});
