import { inspect } from "node:util";

/**
 * A value that must never be printed. It has no enumerable content, and every way of turning it into text gives
 * `[secret]`; only `Secret.reveal`, called where the value goes on the wire, into a digest or is compared, opens it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Whoever calls this is answerable for where it goes. */
  static reveal(secret: Secret): string {
    return secret.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}
