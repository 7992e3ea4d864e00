import { createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { LookupKind } from "../core/ports.ts";
import { Secret } from "../core/secret.ts";

/**
 * Computes cache keys, and the seals of shared records: HMAC-SHA-256 under the cache's secret. Without the
 * secret, an attacker with a dump can neither find the record of an API key nor test keys against it, nor
 * forge a record.
 */
export class Digests {
  readonly #secret: string;
  /**
   * Names by a faster digest that only this process uses. An HMAC costs four times as much, twice per
   * request.
   */
  readonly #names: LRUCache<string, string>;
  readonly #pepper = randomBytes(32).toString("base64url");

  /** Caches the names of the `max` most recently used facts. */
  constructor(secret: Secret, max: number) {
    this.#secret = Secret.reveal(secret);
    this.#names = new LRUCache({ max });
  }

  /**
   * Returns the name of a fact: a one-way digest of 43 characters, whatever the length of `text`. It includes
   * the CMS (`of`), so that the answer of one CMS is never found in a lookup for another.
   */
  name(kind: LookupKind, of: string, text: string): string {
    const content = `name\0${kind}\0${of}\0${text}`;
    const quick = hash("sha256", `${this.#pepper}${content}`, "base64url");
    const known = this.#names.get(quick);
    if (known !== undefined) return known;
    const name = this.#hmac(content);
    this.#names.set(quick, name);
    return name;
  }

  /** Returns a short digest that identifies a source of facts. */
  mark(text: string): string {
    return this.#hmac(`mark\0${text}`).slice(0, 11);
  }

  /** Returns the seal of a record's text under its Redis key (`place`). It is not valid under another key. */
  seal(place: string, text: string): string {
    return this.#hmac(`seal\0${place}\0${text}`);
  }

  /** Returns true if `seal` is valid for that text under that Redis key. Compares in constant time. */
  isSealed(seal: string, place: string, text: string): boolean {
    const expected = Buffer.from(this.seal(place, text));
    const given = Buffer.from(seal);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #hmac(text: string): string {
    return createHmac("sha256", this.#secret).update(text).digest("base64url");
  }
}
