import type { Bodied, Fields, Routed } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";

/** Nesting beyond this is an attack on whoever walks the value next. */
const MAX_NESTING = 64;

/**
 * Reads the body of a create or an update: a JSON object in UTF-8, whatever its content type says, since a check that
 * leans on the type is skipped by a misspelt one. Anything else, empty included, is `body.malformed`.
 */
export function createReadBody(deps: { readonly maxBytes: number }) {
  const read = async (request: Routed): Promise<Bodied> => {
    const bytes = await request.body.read(deps.maxBytes, request.signal);
    return { ...request, fields: parseFields(bytes) };
  };
  return (request: Routed): Promise<Bodied> | Bodied => {
    const { kind } = request.operation;
    request.note.stage = "body";
    return kind === "create" || kind === "update" ? read(request) : { ...request, fields: undefined };
  };
}

function parseFields(bytes: Buffer): Fields {
  try {
    const value: unknown = JSON.parse(
      // Takes a byte order mark away (RFC 8259 section 8.1).
      new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    );
    if (isObject(value) && isSound(value, 0)) return value;
  } catch (cause) {
    throw new GatewayError("body.malformed", { cause: cause instanceof Error ? cause.name : undefined });
  }
  throw new GatewayError("body.malformed");
}

/**
 * Refuses what is nested too deep, a `__proto__` that a careless merge behind us would take for a prototype, and a
 * number beyond what JavaScript can hold (`1e999`): written again it would be `null`, and erase a value.
 */
function isSound(value: unknown, nesting: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (nesting >= MAX_NESTING || Object.hasOwn(value, "__proto__")) return false;
  return Object.values(value).every((inner) => isSound(inner, nesting + 1));
}
