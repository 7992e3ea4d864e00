import { type IncomingMessage, STATUS_CODES } from "node:http";
import { isHopByHop, nominatedNames } from "../core/headers.ts";

/**
 * The CMS's answer headers as they go to the client, names and values in turn: order, case and repeats (`Set-Cookie`)
 * as they came, less hop-by-hop and nominated ones, and with the gateway's request id in place of any other.
 */
export function answerHeaders(answer: IncomingMessage, requestId: string): string[] {
  const raw = answer.rawHeaders;
  const nominated = nominationsOf(answer);
  const headers = ["x-request-id", requestId];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? "";
    const lower = name.toLowerCase();
    if (lower === "x-request-id" || isHopByHop(lower) || nominated?.has(lower) === true) continue;
    headers.push(name, raw[i + 1] ?? "");
  }
  return headers;
}

/** The same for a 101: joined by Node, and with the two hop-by-hop headers that make it one. */
export function switchingHeaders(answer: IncomingMessage, requestId: string): IncomingMessage["headers"] {
  const nominated = nominationsOf(answer);
  const headers: IncomingMessage["headers"] = {};
  for (const name in answer.headers) {
    // A length on a 101 describes nothing, but a client that believes it reads frames as a body.
    if (isHopByHop(name) || nominated?.has(name) === true || name === "content-length") continue;
    headers[name] = answer.headers[name];
  }
  headers.connection = "Upgrade";
  headers.upgrade = answer.headers.upgrade ?? "websocket";
  headers["x-request-id"] = requestId;
  return headers;
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSPEAKABLE = /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/;

/** The CMS's reason phrase, or the usual one where Node would throw at a control character in it. */
export function reasonPhrase(answer: IncomingMessage): string {
  const given = answer.statusMessage ?? "";
  return UNSPEAKABLE.test(given) ? (STATUS_CODES[answer.statusCode ?? 0] ?? "") : given;
}

function nominationsOf(answer: IncomingMessage): ReadonlySet<string> | undefined {
  const connection = answer.headers.connection;
  if (connection === undefined || connection === "keep-alive" || connection === "close") return undefined;
  return nominatedNames(answer.rawHeaders);
}
