import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { PATIENCE_MS } from "./until.ts";

/** The end of a connection: the text received, and whether it ended with a reset. */
export interface RawEnd {
  readonly text: string;
  readonly reset: boolean;
}

/** A client that sends bytes as given, and returns the received bytes as latin1 text. */
export interface RawClient {
  readonly socket: Socket;
  readonly text: () => string;
  send(bytes: string | Buffer): void;
  /** Resolves with the text so far once `pattern` matches it. Rejects if the connection ends before. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves when the connection is closed. */
  end(): Promise<RawEnd>;
}

/** Connects to a port of the loopback interface. */
export async function rawConnect(port: number): Promise<RawClient> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: false });
  let text = "";
  let reset = false;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => (reset = true));
  const over = new Promise<RawEnd>((resolve) => socket.once("close", () => resolve({ text, reset })));
  await once(socket, "connect");
  return {
    socket,
    text: () => text,
    send: (bytes) => void socket.write(bytes, "latin1"),
    until: (pattern) =>
      inTime(
        untilMatch(socket, pattern, () => text),
        () => `${String(pattern)} in ${text}`,
      ),
    end: () => inTime(over, () => `the end of the connection after ${text}`),
  };
}

/** Sends `bytes` on a new connection and resolves when the server has closed it. */
export async function rawExchange(port: number, bytes: string | Buffer): Promise<string> {
  const client = await rawConnect(port);
  client.send(bytes);
  return (await client.end()).text;
}

/** Request text of CRLF lines; the blank line after the head is added, `body` follows it. */
export function rawRequest(lines: readonly string[], body = ""): string {
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** `body` as one chunk with its end. */
export function chunked(body: string): string {
  return `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

/** Rejects with `what` in its message if `wait` does not settle in time. */
export async function inTime<T>(wait: Promise<T>, what: () => string, patience = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what()}`)), patience);
  });
  try {
    return await Promise.race([wait, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

function untilMatch(socket: Socket, pattern: RegExp, text: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (!pattern.test(text())) return;
      socket.off("data", look);
      socket.off("close", fail);
      resolve(text());
    };
    const fail = (): void => reject(new Error(`closed without ${String(pattern)} in ${text()}`));
    socket.on("data", look);
    socket.once("close", fail);
    look();
  });
}
