/**
 * The catalogue: every way a request can fail, in one table. A code fixes what the caller sees (status, `error`,
 * `message`), who is to blame and whether trying again makes sense. `docs/errors.md` lists exactly these codes.
 */

/** Who has to act when this happens: decides the log level and a metric's label, never the answer. */
export type Blame = "client" | "upstream" | "gateway";

/** What the caller may do: nothing, change the request, or send the very same one again later. */
export type Retry = "never" | "changed" | "later";

/** One row of the catalogue. `{name}` in a message is filled from the thrower's `params`. */
export interface ErrorEntry {
  readonly status: number;
  readonly error: string;
  readonly message: string;
  readonly blame: Blame;
  readonly retry: Retry;
}

const client = { blame: "client", retry: "changed" } as const;
const later = { retry: "later" } as const;
const malformed = { error: "Bad Request", message: "Malformed request", ...client } as const;
const tooMany = {
  status: 429,
  error: "Too Many Requests",
  message: "Rate limit exceeded. Please retry later.",
  blame: "client",
  ...later,
} as const;
const unavailable = {
  status: 503,
  error: "Service Unavailable",
  message: "Service temporarily unavailable",
  ...later,
} as const;

/** Every code the gateway can answer with. Strings are the published reference's, to the letter. */
export const CATALOGUE = {
  "request.malformed": { status: 400, ...malformed },
  "request.stalled": { status: 400, ...malformed },
  "route.unknown": { status: 404, error: "Not Found", message: "Route not found", ...client },
  "key.rejected": { status: 401, error: "Unauthorized", message: "Valid API key required", ...client },
  "key.unverifiable": { ...unavailable, blame: "upstream" },
  "key.forbidden": {
    status: 403,
    error: "Forbidden",
    message: "API key is not permitted to perform this action",
    ...client,
  },
  "native.keyed": {
    status: 403,
    error: "Forbidden",
    message: "API keys must use the Partners API at /partners/:version/:tenant/*",
    ...client,
  },
  "version.unsupported": {
    status: 400,
    error: "Unsupported API version",
    message: "Version {version} is not supported. Supported versions: {supported}",
    ...client,
  },
  "tenant.missing": {
    status: 400,
    error: "Missing tenant",
    message: "Tenant slug or identifier must be provided",
    ...client,
  },
  "tenant.unknown": {
    status: 404,
    error: "Tenant not found",
    message: "Unable to resolve tenant from provided headers or path",
    ...client,
  },
  "tenant.unverifiable": { ...unavailable, blame: "upstream" },
  "tenant.absent": {
    status: 500,
    error: "Tenant context missing",
    message: "Unable to resolve tenant for this request",
    blame: "gateway",
    retry: "never",
  },
  "collection.missing": {
    status: 400,
    error: "Missing resource",
    message: "Provide a collection path after the tenant segment",
    ...client,
  },
  "id.missing": {
    status: 400,
    error: "Missing identifier",
    message: "Provide a document id after the collection",
    ...client,
  },
  "body.malformed": {
    status: 400,
    error: "Invalid JSON body",
    message: "Request body must be valid JSON",
    ...client,
  },
  "body.too-large": {
    status: 413,
    error: "Payload Too Large",
    message: "Request body exceeds {limit} bytes",
    ...client,
  },
  "document.unknown": {
    status: 404,
    error: "Not Found",
    message: "Document not found for tenant",
    ...client,
  },
  "document.unverifiable": { ...unavailable, blame: "upstream" },
  "document.conflict": {
    status: 409,
    error: "Conflict",
    message: "The request conflicts with an existing document",
    ...client,
  },
  "document.invalid": {
    status: 422,
    error: "Validation Failed",
    message: "The request body failed validation",
    ...client,
  },
  "answer.unsent": {
    status: 500,
    error: "Server Error",
    message: "Unexpected error while processing the request",
    blame: "client",
    retry: "never",
  },
  "upstream.failed": {
    status: 500,
    error: "Server Error",
    message: "Unexpected error while processing the request",
    blame: "upstream",
    retry: "never",
  },
  "upstream.unreachable": {
    status: 502,
    error: "Bad Gateway",
    message: "Upstream service unavailable",
    blame: "upstream",
    ...later,
  },
  "upstream.timeout": {
    status: 504,
    error: "Gateway Timeout",
    message: "Upstream service took too long to respond",
    blame: "upstream",
    ...later,
  },
  "upstream.limited": tooMany,
  "upstream.open": { ...unavailable, blame: "upstream" },
  "key.busy": tooMany,
  "key.limited": tooMany,
  "tenant.busy": tooMany,
  "gateway.busy": { ...unavailable, blame: "gateway" },
  "gateway.loop": {
    status: 502,
    error: "Bad Gateway",
    message: "Upstream service unavailable",
    blame: "gateway",
    retry: "never",
  },
  "gateway.fault": {
    status: 500,
    error: "Server Error",
    message: "An unexpected error occurred",
    blame: "gateway",
    retry: "never",
  },
} as const satisfies Record<string, ErrorEntry>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof CATALOGUE;

/** One field's complaint of a 422: where, and what is wrong with it. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** What a thrower may add: message parameters, field problems and headers are public, `cause` goes to the log alone. */
export interface ErrorDetail {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly fields?: readonly FieldProblem[] | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The one error class of the gateway: a catalogue code with its detail. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: ErrorCode;
  readonly params: Readonly<Record<string, string | number>>;
  readonly fields: readonly FieldProblem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, detail: ErrorDetail = {}) {
    super(code, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.params = detail.params ?? {};
    this.fields = detail.fields;
    this.headers = detail.headers ?? {};
  }

  /** The same error, to be answered with these headers as well. */
  withHeaders(headers: Readonly<Record<string, string>>): GatewayError {
    const { code, params, fields, cause } = this;
    return new GatewayError(code, { params, fields, cause, headers: { ...headers, ...this.headers } });
  }
}

/**
 * Whatever was thrown, as an error of the catalogue: a stranger is a fault of the gateway, kept as the cause.
 * Never throws.
 */
export function toGatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError ? thrown : new GatewayError("gateway.fault", { cause: thrown });
}
