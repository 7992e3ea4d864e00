/** Counts what is under way, so that its end can be waited for. */
export class InFlight {
  #count = 0;
  readonly #waiting = new Set<() => void>();

  get count(): number {
    return this.#count;
  }

  /** Does `work`, counted. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.begin();
    try {
      return await work();
    } finally {
      this.end();
    }
  }

  /** One more is under way; `end` has to follow, once, whatever becomes of it. */
  begin(): void {
    this.#count += 1;
  }

  end(): void {
    this.#count -= 1;
    // A Set that is cleared is copied, be it empty (see `Crowd`).
    if (this.#count > 0 || this.#waiting.size === 0) return;
    for (const tell of this.#waiting) tell();
    this.#waiting.clear();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.add(resolve));
  }
}
