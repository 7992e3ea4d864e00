import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { FactKind } from "../core/ports.ts";
import { Secret } from "../core/secret.ts";

/**
 * What facts are remembered under, and the seal on what is shared: HMAC-SHA-256 under the cache's secret. Without the
 * secret nobody can find a key's record in a dump, try keys against it, or put a record of his own in its place.
 */
export class Digests {
  readonly #secret: string;
  /** Names by a faster digest, which is this process's alone: an HMAC costs four times as much, on every request twice. */
  readonly #names: LRUCache<string, string>;
  readonly #pepper = randomBytes(32).toString("base64url");

  /** Remembers the names of the last `max` facts asked for. */
  constructor(secret: Secret, max: number) {
    this.#secret = Secret.reveal(secret);
    this.#names = new LRUCache({ max });
  }

  /**
   * The name of a fact of one kind of one CMS. One way; 43 characters, whatever the length of `text`. With the CMS in
   * it, what one says can never be found where another is asked.
   */
  name(kind: FactKind, of: string, text: string): string {
    const content = `name\0${kind}\0${of}\0${text}`;
    const quick = hash("sha256", `${this.#pepper}${content}`, "base64url");
    const known = this.#names.get(quick);
    if (known !== undefined) return known;
    const name = this.#hmac(content);
    this.#names.set(quick, name);
    return name;
  }

  /** A short mark of what facts are learnt from. */
  mark(text: string): string {
    return this.#hmac(`mark\0${text}`).slice(0, 11);
  }

  /** The seal of a record's text in its place: a record moved to another place does not bear its seal. */
  seal(place: string, text: string): string {
    return this.#hmac(`seal\0${place}\0${text}`);
  }

  /** True where `seal` is the one of that text in that place. */
  isSealed(seal: string, place: string, text: string): boolean {
    const expected = Buffer.from(this.seal(place, text));
    const given = Buffer.from(seal);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #hmac(text: string): string {
    return createHmac("sha256", this.#secret).update(text).digest("base64url");
  }
}
