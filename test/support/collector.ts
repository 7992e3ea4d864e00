import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { isObject } from "../../src/core/json.ts";

/** A span as delivered: ids, name, and attributes by their names. */
export interface GotSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: unknown;
}

/** Receives traces over HTTP, like a collector, and stores them. */
export interface Collector {
  readonly url: string;
  /** All deliveries, as text. */
  readonly text: () => string;
  /** Resolves with the spans so far, once there are `n`. */
  until(n: number): Promise<readonly GotSpan[]>;
  close(): Promise<void>;
}

/** Starts a collector on a free port. */
export async function startCollector(): Promise<Collector> {
  const bodies: unknown[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    const receive = (body: unknown): void => {
      if (request.url === "/v1/traces") bodies.push(body);
      response.setHeader("content-type", "application/json").end("{}");
      for (const tell of waiting) tell();
    };
    void json(request).then(receive);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    text: () => JSON.stringify(bodies),
    async until(n) {
      while (spansOf(bodies).length < n) await new Promise<void>((resolve) => waiting.add(resolve));
      return spansOf(bodies);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function spansOf(bodies: readonly unknown[]): GotSpan[] {
  return bodies
    .flatMap((body) => listOf(body, "resourceSpans"))
    .flatMap((resource) => listOf(resource, "scopeSpans"))
    .flatMap((scope) => listOf(scope, "spans"))
    .map((span) => ({
      traceId: textOf(span, "traceId"),
      spanId: textOf(span, "spanId"),
      parentSpanId: textOf(span, "parentSpanId"),
      name: textOf(span, "name"),
      kind: Number(textOf(span, "kind")),
      attributes: attributesOf(span),
      status: isObject(span) ? span["status"] : undefined,
    }));
}

function attributesOf(span: unknown): Record<string, unknown> {
  const pairs = listOf(span, "attributes").map((pair): [string, unknown] => {
    const value = isObject(pair) && isObject(pair["value"]) ? Object.values(pair["value"])[0] : undefined;
    return [textOf(pair, "key"), value];
  });
  return Object.fromEntries(pairs);
}

function listOf(value: unknown, name: string): readonly unknown[] {
  const list = isObject(value) ? value[name] : undefined;
  return Array.isArray(list) ? list : [];
}

function textOf(value: unknown, name: string): string {
  const text = isObject(value) ? value[name] : undefined;
  return typeof text === "string" || typeof text === "number" ? String(text) : "";
}
