import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** Bodies up to this many bytes are recorded. */
export const KEPT_BODY_BYTES = 64 * 1024;

/** A request as it reached the CMS. */
export interface RecordedRequest {
  readonly method: string;
  /** The raw request target, as on the wire. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, in the order and spelling of the wire. */
  readonly rawHeaders: readonly string[];
  /** True for a request to upgrade the connection (WebSocket). */
  readonly upgrade: boolean;
  /** The body as text, if it has arrived in full and is not larger than `KEPT_BODY_BYTES`. */
  body?: string;
  /** How many bytes of the body have arrived. */
  bodyBytes: number;
}

/** Records a request at its arrival. */
export function recordOf(req: IncomingMessage, upgrade = false): RecordedRequest {
  const { method = "", url: path = "", headers, rawHeaders } = req;
  return { method, path, headers: { ...headers }, rawHeaders: [...rawHeaders], upgrade, bodyBytes: 0 };
}

/** A request's body, readable once. */
export interface Body {
  /** The whole body if it is small, otherwise a stream of it. */
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
  /** Reads the unread rest, so that the connection can be reused. */
  drain(): Promise<void>;
}

/**
 * Reads a small body whole, so that its record is complete before the CMS answers. A larger body is only
 * begun, and the CMS reads the rest as a stream.
 */
export async function readBody(req: IncomingMessage, record: RecordedRequest): Promise<Body> {
  const source = chunks(req, record);
  const head: Buffer[] = [];
  while (record.bodyBytes <= KEPT_BODY_BYTES) {
    const next = await source.next();
    if (next.done === true) {
      const whole = Buffer.concat(head);
      if (whole.length > 0) record.body = whole.toString("utf8");
      return { content: whole, drain: () => Promise.resolve() };
    }
    head.push(next.value);
  }
  return {
    content: joined(head, source),
    drain: async () => {
      while ((await source.next()).done !== true);
    },
  };
}

async function* chunks(
  req: IncomingMessage,
  record: RecordedRequest,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("a request body of something other than bytes");
    record.bodyBytes += chunk.length;
    yield chunk;
  }
}

async function* joined(
  head: readonly Buffer[],
  rest: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer> {
  yield* head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
