import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { countRead } from "./minor-gc.ts";

/**
 * The client's body on its way to the CMS, at the CMS's pace. undici destroys the body of a request that is
 * answered before it was sent completely. With the `IncomingMessage` itself, that would close the client's
 * connection and lose the answer. This stream, when destroyed, reads and discards the rest instead.
 */
export class Upload extends Readable {
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage) {
    super();
    this.#request = request;
    request.on("data", this.#take);
    request.once("end", () => this.push(null));
    request.once("close", () => {
      if (!request.complete) this.destroy(new Error("the client left in mid-body"));
    });
  }

  override _read(): void {
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#request.off("data", this.#take).resume();
    done(error);
  }

  readonly #take = (chunk: Buffer): void => {
    countRead(chunk);
    if (!this.push(chunk)) this.#request.pause();
  };
}
