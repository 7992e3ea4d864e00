import { connect, type Socket } from "node:net";

/** A kept-alive connection with one request at a time. Only for responses with a Content-Length. */
export class Connection {
  readonly #socket: Socket;
  #seen: Buffer = Buffer.alloc(0);
  #resolve: ((status: number) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1").setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new Error("the connection was closed")));
  }

  /** False once it was closed. */
  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** Sends a request's text; resolves with the status when the last byte of the response has arrived. */
  ask(request: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket.write(request, "latin1");
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#seen = this.#seen.length === 0 ? chunk : Buffer.concat([this.#seen, chunk]);
    const end = this.#seen.indexOf("\r\n\r\n");
    if (end === -1) return;
    const head = this.#seen.toString("latin1", 0, end);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) return this.#fail(new Error(`an answer without Content-Length:\n${head}`));
    if (this.#seen.length < end + 4 + Number(length)) return;
    this.#seen = Buffer.alloc(0);
    const resolve = this.#resolve;
    this.#resolve = this.#reject = undefined;
    // The server announces its close, and the next request needs another connection.
    if (/\r\nconnection: *close/i.test(head)) this.#socket.destroy();
    resolve?.(Number(head.slice(9, 12)));
  }

  #fail(error: Error): void {
    this.#socket.destroy();
    this.#reject?.(error);
    this.#resolve = this.#reject = undefined;
  }
}

/** The text of a GET. */
export function getOf(path: string, headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries({ host: "bench", ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}
