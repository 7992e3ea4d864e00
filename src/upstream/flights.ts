const BUCKETS = 256;

/**
 * What is under way, by a key that may be long. Not a Map, since it changes with every request: V8's dead copies of one
 * would keep keys and answers alive up to the next full collection (see `core/crowd.ts`).
 */
export class Flights<T extends { readonly key: string }> {
  readonly #buckets: readonly T[][] = Array.from({ length: BUCKETS }, () => []);

  find(key: string): T | undefined {
    return this.#bucketOf(key).find((one) => one.key === key);
  }

  /** Adds one whose key is not there. */
  add(one: T): void {
    this.#bucketOf(one.key).push(one);
  }

  /** Removes this very one, if it is there. */
  delete(one: T): void {
    const bucket = this.#bucketOf(one.key);
    const at = bucket.indexOf(one);
    if (at !== -1) bucket.splice(at, 1);
  }

  clear(): void {
    for (const bucket of this.#buckets) bucket.length = 0;
  }

  #bucketOf(key: string): T[] {
    return this.#buckets[hashOf(key) % BUCKETS] ?? [];
  }
}

/** Of all characters: keys of one collection differ in few, anywhere. Not negative. */
function hashOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash >>> 0;
}
