/** What can end a wait early: the part of an AbortSignal that the gateway uses, so that one serves where it must. */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * How long somebody waits, with the end in one's own hands. What an AbortController and its signal do, without an
 * EventTarget: those of a request (client gone, deadline, connection) cost more than finding out whose key it is.
 */
export class CancellationSource implements Cancellation {
  #aborted = false;
  #reason: unknown;
  readonly #listeners: (() => void)[] = [];

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  /** Ends it, once: a second reason is not heard. Everybody is told, once, before this returns. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    // One by one: as of a signal, who is removed by one that was told before is not told any more.
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) next();
  }

  /** As of a signal, one who comes after the end is not told. */
  addEventListener(_: "abort", listener: () => void): void {
    if (!this.#aborted) this.#listeners.push(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    const at = this.#listeners.lastIndexOf(listener);
    if (at !== -1) this.#listeners.splice(at, 1);
  }
}

/** Never ends. */
export const FOREVER: Cancellation = {
  aborted: false,
  reason: undefined,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
};
