import { CATALOGUE, type ErrorCode, type ErrorEntry } from "../../core/errors.ts";
import { ref, type Json, type OperationKind } from "./json.ts";

const RECORDS = ["list", "read", "create", "update", "delete"] as const;
const ANY = [...RECORDS, "describe"] as const;
const BODIES = ["create", "update"] as const;
const WRITES = ["create", "update", "delete"] as const;

/**
 * The operations that can fail with each code. A code without operations belongs to a path that is not an
 * operation (native paths, `/partners/2026-02` alone). A new code of the catalogue does not compile until it
 * is listed here.
 */
const FAILURES: Readonly<Record<ErrorCode, readonly OperationKind[]>> = {
  "request.malformed": ANY,
  "request.stalled": ANY,
  "route.unknown": RECORDS,
  "key.rejected": ANY,
  "key.unverifiable": ANY,
  "key.forbidden": RECORDS,
  "native.keyed": [],
  "version.unsupported": RECORDS,
  "tenant.missing": [],
  "tenant.unknown": RECORDS,
  "tenant.unverifiable": RECORDS,
  "tenant.absent": RECORDS,
  "collection.missing": [],
  "id.missing": [],
  "body.malformed": BODIES,
  "body.too-large": BODIES,
  "document.unknown": ["read", "update", "delete"],
  "document.unverifiable": WRITES,
  "document.conflict": RECORDS,
  "document.invalid": WRITES,
  "answer.unsent": WRITES,
  "upstream.failed": RECORDS,
  "upstream.unreachable": RECORDS,
  "upstream.timeout": ANY,
  "upstream.limited": RECORDS,
  "upstream.open": RECORDS,
  "key.busy": RECORDS,
  "key.limited": RECORDS,
  "tenant.busy": RECORDS,
  "gateway.busy": ANY,
  "gateway.loop": ANY,
  "gateway.fault": ANY,
};

/**
 * The settings that decide which failures exist: whether a key is required, and whether requests are counted
 * (`rate`).
 */
export interface FailureCircumstances {
  readonly isKeyed: boolean;
  readonly isCounted: boolean;
}

/**
 * Builds the document's `x-errors`: every code with its public fields, and the operations that can return it.
 */
export function errorTable(circumstances: FailureCircumstances): Json {
  return Object.fromEntries(
    codes().map((code) => {
      const { status, error, message, retry }: ErrorEntry = CATALOGUE[code];
      const operations = canHappen(code, circumstances) ? FAILURES[code] : [];
      return [code, { status, error, message, retry, operations }];
    }),
  );
}

/** Builds the failure responses of an operation, by status. */
export function failuresOf(
  kind: OperationKind,
  circumstances: FailureCircumstances,
): Readonly<Record<string, Json>> {
  const kinds = codes().filter((code) => FAILURES[code].includes(kind) && canHappen(code, circumstances));
  const counted = kind === "describe" ? [] : countHeaders(circumstances);
  const statuses = new Set(kinds.map((code) => CATALOGUE[code].status));
  return Object.fromEntries(
    [...statuses]
      .toSorted((a, b) => a - b)
      .map((status) => [
        String(status),
        response(
          kinds.filter((code) => CATALOGUE[code].status === status),
          // A request that was not counted gets no rate limit headers.
          status === 401 ? [] : counted,
        ),
      ]),
  );
}

/** Returns the names of the rate limit headers, if requests are counted. */
export function countHeaders({ isCounted }: FailureCircumstances): readonly string[] {
  return isCounted ? Object.keys(COUNT_HEADERS) : [];
}

function canHappen(code: ErrorCode, { isKeyed, isCounted }: FailureCircumstances): boolean {
  if (code === "key.limited") return isCounted;
  return isKeyed || !code.startsWith("key.");
}

/** Returns the response to a HEAD. */
export function withoutBody({ description, headers }: Json): Json {
  return { description, headers };
}

/** Builds a schema for each code that an operation can return. */
export function failureSchemas(circumstances: FailureCircumstances): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    codes()
      .filter((code) => FAILURES[code].length > 0 && canHappen(code, circumstances))
      .map((code) => [schemaName(code), schemaOf(code)]),
  );
}

/** The headers of failures only. */
export const FAILURE_HEADERS: Readonly<Record<string, Json>> = {
  "Retry-After": {
    description: "Seconds to wait before trying again.",
    schema: { type: "integer", minimum: 0 },
  },
  "WWW-Authenticate": { description: "How to authenticate.", schema: { type: "string" } },
};

/** The headers of every answer to a counted request (draft-ietf-httpapi-ratelimit-headers-10). */
export const COUNT_HEADERS: Readonly<Record<string, Json>> = {
  RateLimit: {
    description: "The number of requests left, and the seconds until there are more.",
    schema: { type: "string" },
  },
  "RateLimit-Policy": {
    description: "The number of requests that a window allows, and its length.",
    schema: { type: "string" },
  },
};

function response(kinds: readonly ErrorCode[], counted: readonly string[]): Json {
  const [first] = kinds;
  const status = first === undefined ? 500 : CATALOGUE[first].status;
  const extra =
    status === 401 ? ["WWW-Authenticate"] : status === 429 || status === 503 ? ["Retry-After"] : [];
  const headers = ["X-Request-Id", "Cache-Control", ...counted, ...extra];
  const schemas = kinds.map((code) => ref("schemas", schemaName(code)));
  return {
    description: kinds
      .map((code) => `\`${code}\`: ${CATALOGUE[code].error}, ${CATALOGUE[code].message}`)
      .join("\n\n"),
    headers: Object.fromEntries(headers.map((name) => [name, ref("headers", name)])),
    content: { "application/json": { schema: schemas.length === 1 ? schemas[0] : { anyOf: schemas } } },
  };
}

function schemaOf(code: ErrorCode): Json {
  const { error, message }: ErrorEntry = CATALOGUE[code];
  const messageSchema = message.includes("{")
    ? {
        type: "string",
        pattern: `^${message
          .split(/\{\w+\}/)
          .map(escaped)
          .join(".*")}$`,
      }
    : { const: message };
  return {
    allOf: [
      ref("schemas", code === "document.invalid" ? "ValidationError" : "Error"),
      { type: "object", properties: { error: { const: error }, message: messageSchema } },
    ],
  };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function schemaName(code: ErrorCode): string {
  return `Error.${code}`;
}

function codes(): ErrorCode[] {
  return Object.keys(FAILURES).filter((code): code is ErrorCode => code in CATALOGUE);
}
