import type { IncomingMessage } from "node:http";
import { hasPlainFraming } from "../core/headers.ts";
import { answerHeaders, reasonPhrase } from "./answer-headers.ts";
import type { Exchange } from "./exchange.ts";
import { atTurnsEnd } from "./turn.ts";
import { countRead } from "./young.ts";

/**
 * Streams the CMS's answer to the client: status, reason, headers (see `answerHeaders`) and bytes as they come, at the
 * client's pace. An answer that cannot be passed on is 502; one that breaks off takes the client's connection with it,
 * which is what http-proxy-3's own pipe does not do: its client waits for ever.
 */
export function relay(answer: IncomingMessage, exchange: Exchange): void {
  const { response } = exchange;
  if (exchange.over || response.headersSent) {
    answer.destroy();
    return;
  }
  const status = answer.statusCode ?? 0;
  // 1xx never get here but from a CMS that makes up numbers: below 100 Node would throw, uncaught.
  if (status < 200 || !hasPlainFraming(answer.rawHeaders, answer.httpVersion)) {
    exchange.fail("upstream.unreachable", new Error(`answer cannot be passed on: status ${String(status)}`));
    return;
  }
  exchange.answer = answer;
  const settling = exchange.settle(status < 500);
  const go = (): void => deliver(answer, exchange);
  if (settling === undefined) go();
  else void settling.then(go, go);
}

function deliver(answer: IncomingMessage, exchange: Exchange): void {
  const { response } = exchange;
  if (exchange.over) {
    answer.destroy();
    return;
  }
  // Broken off while something had to be done first: its end has already been reported, to nobody.
  if (answer.destroyed) {
    exchange.fail("upstream.unreachable", new Error("answer was cut off"));
    return;
  }
  const status = answer.statusCode ?? 0;
  try {
    response.writeHead(status, reasonPhrase(answer), answerHeaders(answer, exchange.requestId));
  } catch (cause) {
    exchange.fail("upstream.unreachable", cause);
    return;
  }
  // Small answers go out whole. Later blocks are not gathered: a stream that waits for the end of each turn is slower.
  response.cork();
  atTurnsEnd(() => response.uncork());
  exchange.begin(answer);
  pump(answer, exchange);
}

function pump(answer: IncomingMessage, exchange: Exchange): void {
  const { response } = exchange;
  const resume = (): void => void answer.resume();
  let silent = true;
  answer.on("data", (chunk: Buffer) => {
    silent = false;
    countRead(chunk);
    if (response.write(chunk)) return;
    answer.pause();
    response.once("drain", resume);
  });
  answer.on("end", () => {
    if (answer.complete) exchange.finish();
  });
  // Comes after every end, good or bad. Node calls a body that broke off `complete` never, whatever its framing.
  answer.on("close", () => {
    if (!exchange.over) exchange.fail("upstream.unreachable", new Error("answer was cut off"));
  });
  // An event stream's head must not wait for its first event: the browser calls it open when it has the head.
  if (answer.headers["content-length"] === undefined) {
    setImmediate(() => {
      // Not by flushHeaders, which writes a header's bytes above 127 as UTF-8 of what they are.
      if (silent && !exchange.over) response.write("", "latin1");
    });
  }
}
