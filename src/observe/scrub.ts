import { inspect } from "node:util";

/**
 * Secrets that foreign text can bring into the log: an error's message, the beginning of a CMS's answer. The
 * gateway's own entries are built from named members and hold no secrets; scrubbing is the second line of
 * defence.
 */
// Each pattern begins at a word boundary. Otherwise a long run without a match would be read once per
// character.
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\b(API-Key|Bearer|Basic|JWT|Digest)(\s+)[^\s"',;\\]+/gi, "$1$2[secret]"],
  [/\beyJ[\w-]+\.[\w-]*\.?[\w-]*/g, "[token]"],
  [/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/)[^\s/"']*@/gi, "$1[secret]@"],
  [/\b((?:set-)?cookie\\?"?\s*[:=]\s*\\?"?)[^"\\\r\n]+/gi, "$1[secret]"],
  [/\b(pass(?:word|wd)?|secret|token|api[_-]?key)(\\?"?\s*[:=]\s*\\?"?)[^\s"',;&}\\]+/gi, "$1$2[secret]"],
  // Payload's API keys are UUIDs and may be echoed without the word before them.
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, "[uuid]"],
  [/(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, "[e-mail]"],
];

/**
 * Returns `text` without keys, tokens, cookies, passwords and e-mail addresses that have a recognisable form.
 */
export function scrub(text: string): string {
  return SECRETS.reduce((clean, [pattern, mark]) => clean.replace(pattern, mark), text);
}

/** Does the same for every text in `value`, which is plain data. */
export function scrubAll(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return scrub(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > 5) return "[deep]";
  if (Array.isArray(value)) return value.map((item: unknown) => scrubAll(item, depth + 1));
  // A class such as Secret has its own text form.
  if (Object.getPrototypeOf(value) !== Object.prototype) return scrub(inspect(value, { depth: 1 }));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, scrubAll(inner, depth + 1)]));
}
