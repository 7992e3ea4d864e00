/** So many come and go before the Map that they stand in is left for another. */
const TURNOVER = 512;

/**
 * What is under way, by a key that may be long. A Map, for V8's own hash of the key; and one after another, since it
 * changes with every request: V8's dead copies of one Map are a chain, which would keep keys and answers alive up to the
 * next full collection (see `core/crowd.ts`). With each new Map another chain begins.
 */
export class Flights<T extends { readonly key: string }> {
  #flights = new Map<string, T>();
  #added = 0;

  find(key: string): T | undefined {
    return this.#flights.get(key);
  }

  /** Adds one whose key is not there. */
  add(one: T): void {
    this.#added += 1;
    if (this.#added > Math.max(TURNOVER, this.#flights.size)) this.#begin([...this.#flights]);
    this.#flights.set(one.key, one);
  }

  /** Removes this very one, if it is there. */
  delete(one: T): void {
    if (this.#flights.get(one.key) === one) this.#flights.delete(one.key);
  }

  clear(): void {
    if (this.#flights.size > 0) this.#begin([]);
  }

  #begin(flights: readonly (readonly [string, T])[]): void {
    this.#flights = new Map(flights);
    this.#added = 0;
  }
}
