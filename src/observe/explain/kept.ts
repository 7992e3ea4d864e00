/** Texts by their ids, the newest so many and so many bytes of them: a queue that forgets at its other end. */
export class Kept {
  readonly #keep: number;
  readonly #most: number;
  // Bytes, not strings: one character that is not Latin makes a string twice as large.
  readonly #texts = new Map<string, Buffer>();
  #bytes = 0;

  /** `keep` texts at the most, of `bytes` together. */
  constructor(keep: number, bytes: number) {
    this.#keep = keep;
    this.#most = bytes;
  }

  /** Keeps a text; one that alone is larger than all may be is not kept. */
  add(id: string, text: string): void {
    const bytes = Buffer.from(text);
    if (bytes.length > this.#most) return;
    this.#drop(id);
    this.#texts.set(id, bytes);
    this.#bytes += bytes.length;
    for (const oldest of this.#texts.keys()) {
      if (this.#texts.size <= this.#keep && this.#bytes <= this.#most) return;
      this.#drop(oldest);
    }
  }

  find(id: string): string | undefined {
    return this.#texts.get(id)?.toString();
  }

  #drop(id: string): void {
    this.#bytes -= this.#texts.get(id)?.length ?? 0;
    this.#texts.delete(id);
  }
}
