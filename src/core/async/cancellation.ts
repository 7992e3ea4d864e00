/** The part of AbortSignal that the gateway uses. An AbortSignal is assignable to it. */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * An AbortController and its signal in one object, without an EventTarget. The native signals of one request
 * (client disconnect, deadline, connection) cost more than the cached lookup of its key.
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

  /**
   * Aborts with the first reason; further calls have no effect. Calls each listener once, before it returns.
   */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    // Takes the listeners singly: as with AbortSignal, one that an earlier one removes is not called.
    for (let next = this.#listeners.shift(); next !== undefined; next = this.#listeners.shift()) next();
  }

  /** Adds a listener. As with AbortSignal, a listener added after the abort is not called. */
  addEventListener(_: "abort", listener: () => void): void {
    if (!this.#aborted) this.#listeners.push(listener);
  }

  removeEventListener(_: "abort", listener: () => void): void {
    const at = this.#listeners.lastIndexOf(listener);
    if (at !== -1) this.#listeners.splice(at, 1);
  }
}

/** A cancellation that never aborts. */
export const FOREVER: Cancellation = {
  aborted: false,
  reason: undefined,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
};
