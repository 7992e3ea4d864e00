import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { ENVIRONMENT, SECRET_VARIABLES } from "../src/config/environment.ts";
import { schema } from "../src/config/schema.ts";

/**
 * Writes what follows from the configuration's schema: `config/default.yaml`, `config/schema.json` and
 * `docs/configuration.md`. `npm run generate` writes them, a test holds them to the schema.
 */

interface Setting {
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Setting>>;
}

const root = join(import.meta.dirname, "..");
const jsonSchema: Setting = JSON.parse(
  JSON.stringify(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })),
);

/** Every generated file's text, by its path from the project's root. */
export function generated(): Record<string, string> {
  const sections = jsonSchema.properties ?? {};
  return {
    "config/schema.json": `${JSON.stringify(jsonSchema, null, 2)}\n`,
    "config/default.yaml": defaults(sections),
    "docs/configuration.md": reference(sections),
  };
}

function defaults(sections: Readonly<Record<string, Setting>>): string {
  const lines = [
    "# yaml-language-server: $schema=./schema.json",
    "# Every setting with its default. Generated from src/config/schema.ts; copy what you change into a file of your own",
    "# and name that in CONFIG_FILE. Durations: 250ms, 15s, 5m, 1h. Sizes: 512B, 16KiB, 1MiB.",
  ];
  for (const [section, { description, properties }] of Object.entries(sections)) {
    lines.push("", `# ${description ?? ""}`, `${section}:`);
    for (const [name, setting] of Object.entries(properties ?? {})) {
      lines.push(`  # ${setting.description ?? ""}`);
      const value = setting.default === undefined ? undefined : flow(setting.default);
      lines.push(value === undefined ? `  # ${name}:` : `  ${name}: ${value}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A value as one line of YAML. */
function flow(value: unknown): string {
  if (Array.isArray(value))
    return `[${value.map((item) => (typeof item === "string" ? scalar(item) : String(item))).join(", ")}]`;
  return typeof value === "string" ? scalar(value) : JSON.stringify(value);
}

function scalar(text: string): string {
  return /^(?:[A-Za-z/][\w./ -]*|\d+[A-Za-z]+)$/.test(text) ? text : JSON.stringify(text);
}

function reference(sections: Readonly<Record<string, Setting>>): string {
  const variables = new Map(
    Object.entries(ENVIRONMENT).map(([name, path]): [string, string] => [path, name]),
  );
  const lines = [
    "# Configuration",
    "",
    "Generated from `src/config/schema.ts` by `npm run generate`; do not edit. Settings come from the YAML file that",
    "`CONFIG_FILE` names and from the environment, which outranks it. Only `UPSTREAM_URL` is required. A wrong or",
    "misspelt setting stops the start with one message that names every problem and where it stands.",
    "",
    "In the file, `${NAME}` in a value is replaced from the environment (unset: refused), `${NAME:-default}` has a default;",
    "a plain `${` is written `$${`. A name with nothing behind it sets nothing. Secrets are best mounted as files, which",
    "the variables that end in `_FILE` name.",
    "",
    "An editor that speaks to the YAML language server completes and checks a file that begins with",
    "`# yaml-language-server: $schema=` and the way to `config/schema.json`.",
    "",
    "Durations are written `250ms`, `15s`, `5m`, `1h` (at most `596h`); sizes `512B`, `16KiB`, `1MiB`.",
  ];
  for (const [section, { description, properties }] of Object.entries(sections)) {
    lines.push("", `## ${section}`, "", description ?? "");
    if (properties === undefined) continue;
    lines.push("", "| setting | default | meaning |", "|---|---|---|");
    for (const [name, setting] of Object.entries(properties ?? {})) {
      const variable = variables.get(`${section}.${name}`);
      const meaning = `${setting.description ?? ""}${variable === undefined ? "" : ` Environment: ${environmentOf(variable)}.`}`;
      lines.push(
        `| \`${name}\` | ${setting.default === undefined ? "none" : `\`${flow(setting.default)}\``} | ${meaning} |`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

function environmentOf(variable: string): string {
  const mayBeFile = SECRET_VARIABLES.some((name) => name === variable);
  return `\`${variable}\`${mayBeFile ? `, or \`${variable}_FILE\` for a file that holds it` : ""}`;
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(generated())) {
    if (read(path) !== text) writeFileSync(join(root, path), text);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return undefined;
  }
}
