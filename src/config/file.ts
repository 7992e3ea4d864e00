import { isAlias, isCollection, isMap, isScalar, LineCounter, parseDocument, visit } from "yaml";
import type { Document, Pair } from "yaml";
import { isObject } from "../core/json.ts";
import type { Sources } from "./environment.ts";
import { ConfigError } from "./problem.ts";

/** A parsed configuration file. */
export interface SettingsFile {
  readonly settings: Readonly<Record<string, unknown>>;
  /** Returns the position (`file:line:column`) of a setting, or of its deepest parent in the file. */
  placeOf(path: readonly PropertyKey[]): string | undefined;
}

/** An absent file. */
export const NO_FILE: SettingsFile = { settings: Object.freeze({}), placeOf: () => undefined };

/**
 * Reads a YAML file and replaces `${NAME}` and `${NAME:-default}` in its values from the environment (`$${`
 * is a plain `${`). Throws a `ConfigError` that names every syntax error, with line and column.
 */
export function readSettingsFile(file: string, { env, readFile }: Sources): SettingsFile {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    throw new ConfigError([`CONFIG_FILE ${file}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const lines = new LineCounter();
  // Pretty errors quote the lines around an error, which may contain a secret.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const problems = document.errors.map(({ message, pos: [at] }) => {
    const line = text.split("\n")[lines.linePos(at).line - 1] ?? "";
    const hint = line.includes("${") ? '; within [ ] and { } write "${NAME}" in quotes' : "";
    return `${placeAt(at)} ${message}${hint}`;
  });
  if (problems.length === 0) problems.push(...interpolate(document, env, placeAt));
  if (problems.length > 0) throw new ConfigError(problems);
  return { settings: settingsOf(document, file), placeOf: (path) => placeOf(document, path, placeAt) };
}

function settingsOf(document: Document.Parsed, file: string): Record<string, unknown> {
  const value: unknown = document.toJS();
  if (value === null || value === undefined) return {};
  if (!isObject(value))
    throw new ConfigError([`CONFIG_FILE ${file}: expected a mapping of sections such as "upstream:"`]);
  return withoutNulls(value);
}

/** Removes nulls: an empty value, or a section with only comments, parses as null and sets nothing. */
function withoutNulls(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const set = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(
    set.map(([name, inner]) => [name, isObject(inner) ? withoutNulls(inner) : inner]),
  );
}

/** Replaces variables in the document's values, and returns the problems. */
function interpolate(
  document: Document.Parsed,
  env: Sources["env"],
  placeAt: (offset: number) => string,
): string[] {
  const problems: string[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("${")) return;
      const wrong: string[] = [];
      const text = filled(node.value, env, wrong);
      problems.push(...wrong.map((problem) => `${placeAt(node.range?.[0] ?? 0)} ${problem}`));
      node.value = node.type === "PLAIN" ? typed(text) : text;
    },
  });
  return problems;
}

/**
 * Converts an unquoted value as YAML does: empty is null, true and false are booleans. Numbers may stay text.
 */
function typed(text: string): unknown {
  return text === "" ? null : text === "true" ? true : text === "false" ? false : text;
}

function filled(text: string, env: Sources["env"], problems: string[]): string {
  return text.replace(/\$?\$\{(?:[^}]*\})?/g, (whole) => {
    if (whole.startsWith("$$")) return whole.slice(1);
    const [, name, otherwise] = /^\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}$/.exec(whole) ?? [];
    if (name === undefined) {
      problems.push("expected ${NAME} or ${NAME:-default}; a plain ${ is written $${");
      return "";
    }
    const value = env[name];
    if (otherwise !== undefined) return value === undefined || value === "" ? otherwise : value;
    if (value === undefined)
      problems.push(`\${${name}} is not set; set ${name}, or write \${${name}:-default}`);
    return value ?? "";
  });
}

function placeOf(
  document: Document.Parsed,
  path: readonly PropertyKey[],
  placeAt: (offset: number) => string,
): string | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(
        ({ key }) => isScalar(key) && String(key.value) === step,
      );
      if (pair === undefined) break;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isCollection(node)) {
      node = node.items[Number(step)];
      if (isScalar(node) || isCollection(node)) offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : placeAt(offset);
}
