import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./free-port.ts";

/**
 * A connection between the gateway and the real CMS with staged faults: the faults of the CMS's machine,
 * network or hosting, which the CMS itself cannot be made to have.
 */
export interface FaultyLine {
  readonly url: string;
  /** The request lines of all received requests, oldest first. */
  readonly asked: readonly string[];
  /** The request lines of the requests that the CMS has begun to answer, in the order of its responses. */
  readonly answered: readonly string[];
  /** How many connections the gateway has open. */
  readonly connections: () => number;
  /** Applies the fault to every later request, or to those whose head matches. */
  stage(fault: Fault, only?: RegExp): void;
  /** Resolves when the line has handled `n` requests in all. */
  carried(n: number): Promise<void>;
  /** Refuses connections from now on, and closes the existing ones. */
  refuse(): Promise<void>;
  /** Accepts and forwards again, without faults. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** A complete request on the line. */
export interface OnWire {
  readonly head: string;
  /** The gateway's end. */
  readonly gateway: Socket;
  /** Sends the request to the CMS, and every chunk of the response to `onAnswer`. */
  readonly forward: (onAnswer: (chunk: Buffer) => void) => void;
}

/** The effect of the line on a request. */
export type Fault = (request: OnWire) => void;

/** Forwards the request and its response unchanged. */
export const carries: Fault = ({ forward, gateway }) => forward((chunk) => void gateway.write(chunk));
/** Never answers; the request never arrives. */
export const hangs: Fault = () => undefined;
/** Closes before a response; the request never arrives. */
export const closesEarly: Fault = ({ gateway }) => void gateway.destroy();
/** Resets before a response; the request never arrives. */
export const resetsEarly: Fault = ({ gateway }) => void gateway.resetAndDestroy();
/** The CMS carries the request out; its response is lost in a reset. */
export const losesAnswer: Fault = ({ forward, gateway }) => forward(() => void gateway.resetAndDestroy());
/** The CMS carries the request out; its response never arrives. */
export const swallowsAnswer: Fault = ({ forward }) => forward(() => undefined);
/** Sends part of the response, then resets. */
export const resetsMidway: Fault = ({ forward, gateway }) =>
  forward((chunk) => void gateway.write(half(chunk), () => gateway.resetAndDestroy()));
/** Sends part of the response, then closes. */
export const closesMidway: Fault = ({ forward, gateway }) =>
  forward((chunk) => void gateway.end(half(chunk)));
/** Sends part of the response, then nothing. */
export const stopsMidway: Fault = ({ forward, gateway }) => {
  let begun = false;
  forward((chunk) => {
    if (!begun) gateway.write(half(chunk));
    begun = true;
  });
};
const dripping = new Set<Socket>();
/** Sends the head, then a byte at every `drip`, without an end. */
export const drips: Fault = ({ gateway }) => {
  gateway.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{");
  dripping.add(gateway);
  gateway.once("close", () => dripping.delete(gateway));
};
/** Sends one more byte of every response of `drips`. */
export function drip(): void {
  for (const gateway of dripping) gateway.write(" ");
}
/** Sends this text in place of the CMS's response. */
export function says(text: string | Buffer): Fault {
  return ({ gateway }) => void gateway.write(text, "latin1");
}
/** Sends this text in place of the CMS's response, and closes. */
export function saysAndCloses(text: string | Buffer): Fault {
  return ({ gateway }) => void gateway.end(text, "latin1");
}

/** A complete HTTP response of JSON, or of the type in `more`, with a correct Content-Length. */
export function answerOf(status: string, body: string | Buffer, more: readonly string[] = []): Buffer {
  const bytes = Buffer.from(body);
  const type = more.some((line) => /^content-type:/i.test(line)) ? [] : ["content-type: application/json"];
  const lines = [`HTTP/1.1 ${status}`, ...type, `content-length: ${bytes.length}`, ...more];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), bytes]);
}

/** Starts a line without faults to the CMS at `target()`, a port of loopback. */
export async function startFaultyLine(target: () => number): Promise<FaultyLine> {
  const line = new Line(target);
  await line.heal();
  return line;
}

class Line implements FaultyLine {
  readonly asked: string[] = [];
  readonly answered: string[] = [];
  readonly #target: () => number;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;
  #staged: { readonly fault: Fault; readonly only: RegExp } | undefined;

  constructor(target: () => number) {
    this.#target = target;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  connections(): number {
    return this.#sockets.size;
  }

  stage(fault: Fault, only = /^/): void {
    this.#staged = { fault, only };
  }

  async carried(n: number): Promise<void> {
    while (this.asked.length < n) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async refuse(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    server.close();
    await once(server, "close");
  }

  async heal(): Promise<void> {
    this.#staged = undefined;
    if (this.#server !== undefined) return;
    // Not a port that the system assigns: it must still be free when the line heals.
    if (this.#port === 0) this.#port = await freePort();
    this.#server = createServer((socket) => this.#accept(socket)).listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  close(): Promise<void> {
    return this.refuse();
  }

  #accept(gateway: Socket): void {
    this.#sockets.add(gateway);
    let onAnswer: ((chunk: Buffer) => void) | undefined;
    let pending = Buffer.alloc(0);
    let isHeld = false;
    const open = (): Socket => {
      const opened = connect(this.#target(), "127.0.0.1");
      opened.on("error", () => gateway.destroy());
      // The CMS closes idle connections, which must not end a request that a fault holds.
      opened.once("close", () => opened === cms && !isHeld && gateway.destroySoon());
      opened.on("data", (chunk: Buffer) => onAnswer?.(chunk));
      return opened;
    };
    let cms = open();
    gateway.on("error", () => undefined);
    gateway.once("close", () => {
      this.#sockets.delete(gateway);
      cms.destroy();
    });
    gateway.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      const { request, rest } = take(pending);
      if (request === undefined) return;
      pending = Buffer.from(rest);
      const head = request.subarray(0, request.indexOf("\r\n\r\n")).toString("latin1");
      const line = head.slice(0, head.indexOf("\r\n"));
      let isLate = false;
      const forward = (listener: (chunk: Buffer) => void): void => {
        onAnswer = (first) => {
          this.answered.push(line);
          onAnswer = listener;
          listener(first);
        };
        // The CMS may have closed it while a fault held the previous request or answered it.
        if (isLate || !cms.writable) {
          cms.destroy();
          cms = open();
        }
        isHeld = false;
        cms.write(request);
      };
      this.asked.push(line);
      isHeld = true;
      const fault = this.#staged?.only.test(head) === true ? this.#staged.fault : carries;
      fault({ head, gateway, forward });
      isLate = true;
      for (const tell of this.#waiting) tell();
      this.#waiting.clear();
    });
  }
}

/** The first complete request in `bytes`. It reads only Content-Length, which is how the gateway frames. */
function take(bytes: Buffer): { request?: Buffer; rest: Buffer } {
  const end = bytes.indexOf("\r\n\r\n");
  if (end === -1) return { rest: bytes };
  const head = bytes.subarray(0, end).toString("latin1");
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const whole = end + 4 + length;
  return bytes.length < whole
    ? { rest: bytes }
    : { request: bytes.subarray(0, whole), rest: bytes.subarray(whole) };
}

/** A part of a chunk with the whole head and an incomplete body. */
function half(chunk: Buffer): Buffer {
  const head = chunk.indexOf("\r\n\r\n") + 4;
  return chunk.subarray(0, Math.max(head + 5, Math.floor(chunk.length / 2)));
}
