import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import * as z from "zod";
import { COMMANDS } from "../../src/cli/commands.ts";
import { EXIT } from "../../src/cli/command.ts";
import { ENVIRONMENT, SECRET_VARIABLES } from "../../src/config/environment.ts";
import { schema } from "../../src/config/schema.ts";
import { CATALOGUE } from "../../src/core/errors.ts";
import { isObject } from "../../src/core/json.ts";

/** Compares settings, variables, commands and flags in the documents with the code, both ways. */

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const documents = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const texts = new Map(documents.map((path) => [path, read(path)]));

const described: unknown = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
const sections = isObject(described) && isObject(described["properties"]) ? described["properties"] : {};
const namesOf = (section: string): string[] => {
  const inner = sections[section];
  return isObject(inner) && isObject(inner["properties"]) ? Object.keys(inner["properties"]) : [];
};
const commands = await Promise.all(COMMANDS.map(async ({ name, load }) => ({ name, ...(await load()) })));

t.test("a setting that a document names exists", async (t) => {
  const pattern = new RegExp(`\`(${Object.keys(sections).join("|")})\\.([A-Za-z]+)[\`.]`, "g");
  let found = 0;
  for (const [path, text] of texts) {
    for (const [, section = "", name = ""] of text.matchAll(pattern)) {
      if (`${section}.${name}` in CATALOGUE) continue;
      found += 1;
      t.ok(namesOf(section).includes(name), `${path}: ${section}.${name}`);
    }
  }
  t.ok(found > 30, `${found} mentions`);
});

t.test("a variable that a document names is read, and each that is read is documented", async (t) => {
  const files = SECRET_VARIABLES.map((name) => `${name}_FILE`);
  const known = new Set([...Object.keys(ENVIRONMENT), ...files, "CONFIG_FILE"]);
  const others =
    /^(?:TEST_|PROVE_|OTEL_|DEMO_|SOAK_|NO_COLOR$|IMAGE_|DOCKER_|FORCE_|NODE_|CRASH_|CHROMIUM_PATH$)/;
  for (const [path, text] of texts) {
    for (const [, name = ""] of text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g))
      t.ok(known.has(name) || others.test(name), `${path}: ${name}`);
  }
  const reference = texts.get("docs/configuration.md") ?? "";
  for (const name of known) t.ok(reference.includes(`\`${name}\``), name);
});

t.test("a command line in a document has a command and flags that exist", async (t) => {
  let found = 0;
  for (const [path, text] of texts) {
    const joined = text.replaceAll("\\\n", " ");
    for (const [, name = "", rest = ""] of joined.matchAll(
      /(?:partners-gateway|npm run gateway --|dist\/main\.js) +([a-z]+)\b([^`\n#|]*)/g,
    )) {
      const command = commands.find((one) => one.name === name);
      if (command === undefined) {
        t.ok(!/^ *--/.test(rest), `${path}: ${name}`);
        continue;
      }
      found += 1;
      for (const [, flag = ""] of rest.matchAll(/ --([a-z-]+)/g))
        t.ok(flag === "help" || flag in command.flags, `${path}: ${name} --${flag}`);
    }
  }
  t.ok(found > 8, `${found} command lines`);
});

t.test("docs/operating.md lists exactly the commands, their flags and the exit codes", async (t) => {
  const operating = texts.get("docs/operating.md") ?? "";
  const rows = [...operating.matchAll(/^\| `([a-z]+)` \| (none|`--[^|]*) \| ([^|]*) \|$/gm)].map(
    ([, name, flags = ""]) =>
      `${name}: ${[...flags.matchAll(/`--([a-z-]+)`/g)].map(([, flag]) => flag).join(" ")}`,
  );
  t.strictSame(
    rows.filter((row) => commands.some(({ name }) => row.startsWith(`${name}:`))).toSorted(),
    commands.map(({ name, flags }) => `${name}: ${Object.keys(flags).join(" ")}`).toSorted(),
  );
  const codes = [...operating.matchAll(/^\| (\d) \| /gm)].map(([, code]) => Number(code));
  t.strictSame(codes, Object.values(EXIT));
});

t.test("docs/headers.md lists every header that the configuration names by default", async (t) => {
  const headers = texts.get("docs/headers.md") ?? "";
  const named = Object.keys(sections)
    .flatMap((section) => {
      const inner = sections[section];
      return isObject(inner) && isObject(inner["properties"]) ? Object.entries(inner["properties"]) : [];
    })
    .filter(([name]) => name.endsWith("Header"))
    .map(([, setting]) => (isObject(setting) ? String(setting["default"]) : ""));
  t.ok(named.length >= 2);
  for (const name of named) t.ok(headers.includes(`\`${name}\``), name);
});

t.test("a file that a document links to exists", async (t) => {
  for (const [path, text] of texts) {
    for (const [, target = ""] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      const at = join(dirname(path), target);
      t.doesNotThrow(
        () => readdirSync(dirname(join(root, at))).includes(target.split("/").at(-1) ?? "") || read(at),
        `${path}: ${target}`,
      );
    }
  }
});
