import { hash } from "node:crypto";
import { isObject } from "../../core/json.ts";

const AUTHENTICATES = /^(?:proxy-)?authorization$|cookie|key|token/i;

/**
 * Returns a header's value as the output may show it. If the header authenticates, that is the scheme and the beginning
 * of the secret's digest: equal keys can be recognised, and the key cannot be recovered.
 */
export function withoutSecrets(name: string, value: string): string {
  if (!AUTHENTICATES.test(name)) return value;
  const space = value.lastIndexOf(" ");
  const secret = value.slice(space + 1);
  if (secret === "") return value;
  return `${value.slice(0, space + 1)}sha256:${hash("sha256", secret, "base64url").slice(0, 8)}…`;
}

/** Returns the structure of a value without its contents: field names, types and the lengths of lists. */
export function shapeOf(value: unknown, depth = 0): unknown {
  if (Array.isArray(value))
    return value.length === 0 ? "[]" : [`${value.length} ×`, shapeOf(value[0], depth + 1)];
  if (isObject(value)) {
    if (depth >= 4) return "{…}";
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, shapeOf(inner, depth + 1)]),
    );
  }
  return value === null ? "null" : typeof value;
}
