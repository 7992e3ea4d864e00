/** A counter of work in flight that can be awaited. */
export class InFlight {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#count;
  }

  /** Runs `work` and counts it while it runs. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.begin();
    try {
      return await work();
    } finally {
      this.end();
    }
  }

  /** Adds one. The caller must call `end` exactly once, also after a failure. */
  begin(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    // Clearing a Set reallocates it, even if it is empty (see `SwapRemoveSet`).
    if (this.#count > 0 || this.#waiting.size === 0) return;
    for (const tell of this.#waiting) tell();
    this.#waiting.clear();
  }

  /** Resolves when nothing is in flight. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.add(resolve));
  }
}
