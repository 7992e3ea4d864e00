import type { Outgoing } from "../../core/context.ts";
import { isObject } from "../../core/json.ts";
import { scrub } from "../scrub.ts";
import { digestOf, shapeOf } from "./redact.ts";
import { shownRequest, type Showing, type ShownRequest } from "./trace.ts";

/**
 * How a request is told that somebody else sent: names that a gateway's or a CMS's developer chose, numbers and ids are
 * shown, a partner's words are not. A word is what could be a document's, an address or a key.
 */
export const CAREFUL: Showing = {
  request: (outgoing) =>
    safely(() => requestOf(outgoing), { method: outgoing.method, target: "…", headers: {} }),
  fact: (name, value) => safely(() => factOf(name, value), "…"),
};

/** Facts that hold nothing of a partner's but ids and slugs. */
const PLAIN: ReadonlySet<string> = new Set(["principal", "version", "tenant", "operation", "permit"]);

/** Parameters that the API has. */
const PARAMETERS: ReadonlySet<string> = new Set([
  ..."limit page pagination sort where depth locale fallbackLocale fallback-locale draft select populate joins".split(
    " ",
  ),
  ..."trash ifUpdatedAt".split(" "),
]);

/** Texts in a cause that are from a closed set, or nearly so. */
const TOLD: ReadonlySet<string> = new Set(["code", "contentType"]);

const NAME = /^[A-Za-z_][\w.]{0,63}$/;
const PATH = /^[A-Za-z_][\w.[\]]{0,99}$/;
const NUMBER = /^(?:-?\d{1,12}(?:\.\d{1,6})?|true|false|null|\*)$/;
/** Fields to sort by, a locale. */
const NAMES = /^-?[A-Za-z_][A-Za-z_.]{0,39}(?:,-?[A-Za-z_][A-Za-z_.]{0,39})*$/;
const NAMED: ReadonlySet<string> = new Set(["sort", "locale", "fallbackLocale", "fallback-locale"]);
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const SEGMENT = /^[\w.:-]{1,64}$/;

/** What nobody's text can bring down: a request is answered whether or not it can be told. */
function safely<T>(tell: () => T, otherwise: T): T {
  try {
    return tell();
  } catch {
    return otherwise;
  }
}

/** A path's segments and its query, as they may be shown. */
export function shownTarget(segments: readonly string[], query: string): string {
  const path = segments.map(shownSegment).join("/");
  const parameters = query.split("&").filter((pair) => pair !== "");
  return `/${path}${parameters.length === 0 ? "" : `?${parameters.map(shownParameter).join("&")}`}`;
}

/** What a value is made of: the names of fields as a developer gives them, and of others that they are there. */
export function carefulShape(value: unknown): unknown {
  return shapeOf(value, (name) => (NAME.test(name) ? name : "…"));
}

/** The path of a field, as it may be shown. */
export function shownPath(path: unknown): string {
  return typeof path === "string" && PATH.test(path) ? path : "…";
}

/**
 * A cause in the gateway's own words. An error's message is shown where it is a system's, which says what failed; that of
 * a parser quotes what it read. Of an answer of the CMS its status and length are, and not how it begins.
 */
export function shownCause(cause: unknown): string {
  if (typeof cause === "string") return scrub(cause);
  if (cause instanceof Error) {
    const { name, message } = cause;
    return "code" in cause && typeof cause.code === "string" ? scrub(`${cause.code} ${message}`) : name;
  }
  if (!isObject(cause)) return "";
  const facts = Object.entries(cause).filter(
    ([name, value]) => typeof value === "number" || (TOLD.has(name) && typeof value === "string"),
  );
  return facts.map(([name, value]) => `${name} ${scrub(String(value))}`).join(", ");
}

/** Payload's API keys are UUIDs, and so are some CMSs' ids: those are told by the beginning of their digest. */
function shownSegment(text: string): string {
  if (UUID.test(text)) return digestOf(text);
  return SEGMENT.test(text) ? text : "…";
}

function requestOf(outgoing: Outgoing): ShownRequest {
  const { method, headers, body } = shownRequest(outgoing);
  const [path = "", query = ""] = outgoing.target.split(/\?(.*)/s);
  const target = shownTarget(path.split("/").slice(1).map(decoded), query);
  return { method, target, headers, ...(body === undefined ? {} : { body: JSON.stringify(bodyOf(body)) }) };
}

function factOf(name: string, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (name === "operation" && isObject(value) && typeof value["id"] === "string")
    return { ...value, id: shownSegment(value["id"]) };
  // As it is now: a fact is kept by the caches as well.
  if (PLAIN.has(name)) return JSON.parse(JSON.stringify(value));
  if (name !== "path" || !isObject(value)) return carefulShape(value);
  const segments = Array.isArray(value["segments"]) ? value["segments"].map(String) : [];
  return shownTarget(segments, String(value["query"]));
}

function bodyOf(text: string): unknown {
  return carefulShape(JSON.parse(text));
}

/** One parameter, with what is known of it: its name, the field and operator of a condition, a number. */
function shownParameter(pair: string): string {
  const [name = "", value = ""] = pair.split(/=(.*)/s).map(decoded);
  const [first = "", ...inner] = name.split(/[[\]]+/).filter((part) => part !== "");
  if (!PARAMETERS.has(first)) return "…";
  const parts = inner.map((part) => `[${NAME.test(part) || NUMBER.test(part) ? part : "…"}]`).join("");
  return `${first}${parts}=${shownValue(first, value)}`;
}

function shownValue(name: string, value: string): string {
  if (NUMBER.test(value) || (NAMED.has(name) && NAMES.test(value))) return value;
  if (!/^\s*[[{]/.test(value)) return "…";
  return safely(() => JSON.stringify(withoutWords(JSON.parse(value), 0)), "…");
}

/** A condition without what it compares with, but for numbers. */
function withoutWords(value: unknown, depth: number): unknown {
  if (depth > 20) return "…";
  if (Array.isArray(value)) return value.slice(0, 100).map((inner) => withoutWords(inner, depth + 1));
  if (!isObject(value)) return typeof value === "string" ? "…" : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      NAME.test(name) ? name : "…",
      withoutWords(inner, depth + 1),
    ]),
  );
}

function decoded(text: string): string {
  return safely(() => decodeURIComponent(text.replaceAll("+", " ")), "…");
}
