import { inspect } from "node:util";

/**
 * A value that must never be printed. It has no enumerable properties, and every conversion to text gives
 * `[secret]`. Only `Secret.reveal` returns the value; call it only to send, digest or compare it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Returns the value. The caller must not print or store it. */
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
