/** The number of names below which names with a count of 0 are not removed. */
const FEW = 1_000;

/**
 * A count per name that changes with every request. A name with a count of 0 stays for a while. If it were
 * removed at once, the Map would be reallocated again and again, and V8's old tables survive until the next
 * full collection (see `SwapRemoveSet`). The Map holds at most 1,000 names, or twice the number that had a
 * count at the last clean-up.
 */
export class CountMap {
  #held = new Map<string, number>();
  #most = FEW;

  /** The number of names in the Map, including those with a count of 0. */
  get names(): number {
    return this.#held.size;
  }

  of(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  /** Adds to the count of a name. */
  take(name: string, count = 1): void {
    const held = this.#held.get(name);
    if (held === undefined) this.#tidy();
    this.#held.set(name, (held ?? 0) + count);
  }

  /** Subtracts from the count of a name, down to 0. */
  give(name: string, count = 1): void {
    const held = this.of(name);
    if (held > 0) this.#held.set(name, Math.max(0, held - count));
  }

  #tidy(): void {
    if (this.#held.size < this.#most) return;
    this.#held = new Map([...this.#held].filter(([, count]) => count > 0));
    this.#most = Math.max(FEW, 2 * this.#held.size);
  }
}
