/**
 * The catalogue of all errors. A code defines the client's answer (status, `error`, `message`), the party at
 * fault and whether a retry is useful. `docs/errors.md` lists exactly these codes.
 */

/** The party that has to act. It decides the log level and a metric's label, never the answer. */
export type Blame = "client" | "upstream" | "gateway";

/** The client's options: none, change the request, or retry the same request later. */
export type Retry = "never" | "changed" | "later";

/** An entry of the catalogue. `{name}` in a message is replaced from the error's `params`. */
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

/** Every code that the gateway can answer with. The strings match the published reference exactly. */
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

/** The problem of one field in a 422: its path, and a message. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** The details of an error. Parameters, field problems and headers are public; `cause` is only logged. */
export interface ErrorDetail {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly fields?: readonly FieldProblem[] | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The only error class of the gateway: a catalogue code with its details. */
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

  /** Returns the same error with these headers added to its answer. */
  withHeaders(headers: Readonly<Record<string, string>>): GatewayError {
    const { code, params, fields, cause } = this;
    return new GatewayError(code, { params, fields, cause, headers: { ...headers, ...this.headers } });
  }
}

/**
 * Converts any thrown value into a `GatewayError`. A value of another type becomes `gateway.fault`, with the
 * value as its cause. Never throws.
 */
export function toGatewayError(thrown: unknown): GatewayError {
  return thrown instanceof GatewayError ? thrown : new GatewayError("gateway.fault", { cause: thrown });
}
