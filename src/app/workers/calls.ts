import { isObject } from "../../core/json.ts";

/** What one end of a line can be asked, by name. What is given and what comes back is plain data. */
export type Side = Readonly<Record<string, (given: never) => Promise<unknown>>>;

type Message =
  | { readonly type: "ask"; readonly id: number; readonly name: string; readonly given: unknown }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "fault"; readonly id: number; readonly message: string };

/** The other process has ended, and with it all that was to be had of it. */
export class Gone extends Error {
  override readonly name = "Gone";
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One end of a line between two processes of the same build: questions go both ways, and none is lost in between. */
export class Calls<There extends Side> {
  readonly #send: (message: object) => void;
  readonly #here: Side;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #isOver = false;

  /** `send` gives a message to the line, `here` answers what the other end asks. */
  constructor(send: (message: object) => void, here: Side) {
    this.#send = send;
    this.#here = here;
  }

  /** Asks the other end. Rejects where it cannot answer, with `Gone` where it has ended; waits for as long as it takes. */
  ask<K extends keyof There & string>(
    name: K,
    ...given: Parameters<There[K]>
  ): Promise<Awaited<ReturnType<There[K]>>> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const id = (this.#last += 1);
    if (this.#isOver) reject(new Gone());
    else {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ type: "ask", id, name, given: given[0] } satisfies Message);
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other end is this very program
    return promise as Promise<Awaited<ReturnType<There[K]>>>;
  }

  /** To be called with whatever comes over the line. */
  receive(message: unknown): void {
    if (!isMessage(message)) return;
    if (message.type === "ask") void this.#answer(message.id, message.name, message.given);
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined || message.type === "ask") return;
    this.#waiting.delete(message.id);
    if (message.type === "answer") waiting.resolve(message.value);
    else waiting.reject(new Error(message.message));
  }

  /** The line is no more. */
  end(): void {
    this.#isOver = true;
    for (const { reject } of this.#waiting.values()) reject(new Gone());
    this.#waiting.clear();
  }

  async #answer(id: number, name: string, given: unknown): Promise<void> {
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
      const value = await this.#here[name]?.(given as never);
      if (!this.#isOver) this.#send({ type: "answer", id, value } satisfies Message);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!this.#isOver) this.#send({ type: "fault", id, message } satisfies Message);
    }
  }
}

function isMessage(message: unknown): message is Message {
  return isObject(message) && typeof message["id"] === "number" && typeof message["type"] === "string";
}
