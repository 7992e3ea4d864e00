import type { FactKind } from "../core/ports.ts";

/**
 * The names in Redis. All share one hash tag, so that a Cluster keeps epoch and records in one slot and they can be
 * read in one command; the whole takes some megabytes.
 */
export class RedisKeys {
  readonly #tag: string;

  constructor(prefix: string) {
    this.#tag = `{${prefix}}`;
  }

  /** The stamp under which records of a kind count. */
  epoch(kind: FactKind): string {
    return `${this.#tag}:epoch:${kind}`;
  }

  epochs(kinds: readonly FactKind[]): string[] {
    return kinds.map((kind) => this.epoch(kind));
  }

  record(kind: FactKind, name: string): string {
    return `${this.#tag}:${kind}:${name}`;
  }

  /** The times at which what is counted under that name has passed. */
  counter(name: string): string {
    return `${this.#tag}:count:${name}`;
  }

  /** The channel that all replicas hear. */
  get channel(): string {
    return `${this.#tag}:all`;
  }

  /** The channel on which one replica is told that the others have done what it asked. */
  acks(replica: string): string {
    return `${this.#tag}:acks:${replica}`;
  }
}
