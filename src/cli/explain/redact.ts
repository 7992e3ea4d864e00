import { hash } from "node:crypto";
import { isObject } from "../../core/json.ts";

/**
 * A header's value as it may be shown: of what authenticates, the scheme and the beginning of the secret's digest, by
 * which two requests can be told to have the same key and nobody can find the key.
 */
export function withoutSecrets(name: string, value: string): string {
  if (!/^(?:proxy-)?authorization$|cookie|key|token/i.test(name)) return value;
  const space = value.lastIndexOf(" ");
  const secret = value.slice(space + 1);
  return secret === ""
    ? value
    : `${value.slice(0, space + 1)}sha256:${hash("sha256", secret, "base64url").slice(0, 8)}…`;
}

/** What a value is made of, without the values: names, types, and how long lists are. */
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
