import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { ENVIRONMENT, SECRET_VARIABLES } from "../src/config/environment.ts";
import { schema } from "../src/config/schema.ts";

/**
 * Generates `config/default.yaml`, `config/schema.json` and `docs/configuration.md` from the configuration's
 * schema. `npm run generate` writes them; a test compares them with the schema.
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

/** The text of every generated file, by its path from the project's root. */
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
    "# Every setting with its default. Generated from src/config/schema.ts. Copy the settings that you change into another file",
    "# and set CONFIG_FILE to its path. Durations: 250ms, 15s, 5m, 1h. Sizes: 512B, 16KiB, 1MiB.",
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
    "Generated from `src/config/schema.ts` by `npm run generate`; do not edit. Settings come from the YAML file in",
    "`CONFIG_FILE` and from the environment, which takes precedence. Only `UPSTREAM_URL` is required. If a setting is wrong",
    "or misspelt, the gateway does not start and prints one message that names every problem with its line and column.",
    "",
    "In the file, `${NAME}` in a value is replaced from the environment, and `${NAME:-default}` has a default. An unset",
    "`${NAME}` is an error. A literal `${` is written `$${`. A setting without a value keeps its default. Secrets are best",
    "mounted as files: set the variables that end in `_FILE` to their paths.",
    "",
    "An editor with the YAML language server completes and validates a file that begins with",
    "`# yaml-language-server: $schema=` and the path of `config/schema.json`.",
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
