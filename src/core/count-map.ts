/** So many names are kept before those that hold nothing are looked for. */
const FEW = 1_000;

/**
 * How many of something each name holds, of what is taken and given back with every request. A name that holds nothing
 * stays for a while: one that was removed each time would make the Map copy itself again and again, and V8's dead copies
 * live on up to the next full collection (see `SwapRemoveSet`). Names that hold nothing are never more than twice those that do,
 * or than a thousand.
 */
export class CountMap {
  #held = new Map<string, number>();
  #most = FEW;

  /** How many names are known, those that hold nothing included. */
  get names(): number {
    return this.#held.size;
  }

  of(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  /** So many more. */
  take(name: string, count = 1): void {
    const held = this.#held.get(name);
    if (held === undefined) this.#tidy();
    this.#held.set(name, (held ?? 0) + count);
  }

  /** So many less, down to none. */
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
