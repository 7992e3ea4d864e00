import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import type { Body } from "./recorder.ts";

const NEXT_VARY = "rsc, next-router-state-tree, next-router-prefetch, next-router-segment-prefetch";
const COMPRESSIBLE = /^(application\/json|text\/|image\/svg)/;

/** The parts of a web request. */
export interface Incoming {
  readonly req: IncomingMessage;
  readonly body: Body;
  /** Aborted when the client has disconnected. */
  readonly signal: AbortSignal;
}

/** Makes a web request of a Node one, for `url` regardless of the client's Host. */
export function webRequest(url: URL, { req, body, signal }: Incoming): Request {
  const { method = "GET" } = req;
  const headers = new Headers();
  for (const [name, value] of Object.entries(req.headers)) {
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== undefined) headers.append(name, each);
  }
  // As in Next.js: any other method has a body, possibly an empty one.
  if (method === "GET" || method === "HEAD") return new Request(url, { method, headers, signal });
  const { content } = body;
  return new Request(url, {
    method,
    headers,
    signal,
    body: content instanceof Uint8Array ? new Uint8Array(content) : Readable.toWeb(Readable.from(content)),
    duplex: "half",
  });
}

/** Writes a web response as Next.js does: chunked, and compressed by gzip if the client accepts that. */
export async function sendResponse(
  response: Response,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const { headers, body } = response;
  res.statusCode = response.status;
  for (const [name, value] of headers) if (name !== "set-cookie") res.setHeader(name, value);
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) res.setHeader("set-cookie", cookies);
  res.setHeader("x-powered-by", "Next.js, Payload");
  const compressible =
    COMPRESSIBLE.test(headers.get("content-type") ?? "") &&
    !headers.has("content-encoding") &&
    !headers.has("content-range");
  res.setHeader("vary", compressible ? `${NEXT_VARY}, Accept-Encoding` : NEXT_VARY);
  if (!body || req.method === "HEAD") {
    await body?.cancel();
    res.end();
    return;
  }
  const source = Readable.fromWeb(body);
  if (!compressible || !/\bgzip\b/.test(req.headers["accept-encoding"] ?? "")) return pipeline(source, res);
  res.removeHeader("content-length");
  res.setHeader("content-encoding", "gzip");
  return pipeline(source, createGzip(), res);
}

/** A page of HTML, as Next.js answers every request outside the API. */
export function html(status: number, heading = String(status)): Response {
  return new Response(`<!DOCTYPE html><html><body><h1>${heading}</h1></body></html>`, {
    status,
    headers: { "content-type": "text/html; charset=utf-8" },
  });
}
