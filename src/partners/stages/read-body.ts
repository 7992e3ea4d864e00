import type { Bodied, Fields, Routed } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";

/** The deepest nesting of a body. A deeper value is an attack on the code that walks it next. */
const MAX_NESTING = 64;

/**
 * Reads the body of a create or an update: a JSON object in UTF-8. The content type is ignored, since a
 * misspelt type would bypass a check that depends on it. Anything else, an empty body included, is
 * `body.malformed`.
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
      // Removes a byte order mark (RFC 8259 section 8.1).
      new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    );
    if (isObject(value) && isSound(value, 0)) return value;
  } catch (cause) {
    throw new GatewayError("body.malformed", { cause: cause instanceof Error ? cause.name : undefined });
  }
  throw new GatewayError("body.malformed");
}

/**
 * False for a value that could harm the CMS. A careless merge there would take `__proto__` for a prototype. A
 * number beyond JavaScript's range (`1e999`) would be serialised as `null` and erase a value. Nesting is
 * limited too.
 */
function isSound(value: unknown, nesting: number): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  if (nesting >= MAX_NESTING || Object.hasOwn(value, "__proto__")) return false;
  return Object.values(value).every((inner) => isSound(inner, nesting + 1));
}
