import { hash } from "node:crypto";
import type { RawHeaders } from "../../core/headers.ts";
import { isObject } from "../../core/json.ts";

const AUTHENTICATES = /^(?:proxy-)?authorization$|cookie|key|token/i;

/**
 * A header's value as it may be shown: of what authenticates, the scheme and the beginning of the secret's digest, by
 * which two requests can be told to have the same key and nobody can find the key.
 */
export function withoutSecrets(name: string, value: string): string {
  if (!AUTHENTICATES.test(name)) return value;
  const space = value.lastIndexOf(" ");
  const secret = value.slice(space + 1);
  return secret === "" ? value : `${value.slice(0, space + 1)}${digestOf(secret)}`;
}

/** The beginning of a secret's digest. */
export function digestOf(secret: string): string {
  return `sha256:${hash("sha256", secret, "base64url").slice(0, 8)}…`;
}

/** What a value is made of, without the values: names, as `nameOf` tells them, types, and how long lists are. */
export function shapeOf(value: unknown, nameOf = (name: string) => name, depth = 0): unknown {
  if (Array.isArray(value))
    return value.length === 0 ? "[]" : [`${value.length} ×`, shapeOf(value[0], nameOf, depth + 1)];
  if (isObject(value)) {
    if (depth >= 4) return "{…}";
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [nameOf(name), shapeOf(inner, nameOf, depth + 1)]),
    );
  }
  return value === null ? "null" : typeof value;
}

/** What of a request's headers authenticates somebody, each part by itself. */
export function secretsOf(headers: RawHeaders): readonly string[] {
  const secrets: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = "", value = ""] = headers.slice(i, i + 2);
    if (!AUTHENTICATES.test(name)) continue;
    // Of a scheme its credentials, of a cookie its value; what is too short to be secret would take words out of the text.
    const parts = value.split(/[;,\s]+/).map((part) => part.slice(part.indexOf("=") + 1));
    secrets.push(...parts.filter((part) => part.length >= 12 && !/["\\]/.test(part)));
  }
  return secrets;
}
