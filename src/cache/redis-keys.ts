import type { LookupKind } from "../core/ports.ts";

/**
 * The keys and channels in Redis. All share one hash tag, so that a Cluster keeps epochs and records in one
 * slot, where one command can read both. All of them together take some megabytes.
 */
export class RedisKeys {
  readonly #tag: string;

  constructor(prefix: string) {
    this.#tag = `{${prefix}}`;
  }

  /** The key of the epoch: records of the kind are valid only if they carry its value. */
  epoch(kind: LookupKind): string {
    return `${this.#tag}:epoch:${kind}`;
  }

  epochs(kinds: readonly LookupKind[]): string[] {
    return kinds.map((kind) => this.epoch(kind));
  }

  record(kind: LookupKind, name: string): string {
    return `${this.#tag}:${kind}:${name}`;
  }

  /** The key of a rate-limit counter: a list of the times of admitted requests. */
  counter(name: string): string {
    return `${this.#tag}:count:${name}`;
  }

  /** The channel to which all replicas subscribe. */
  get channel(): string {
    return `${this.#tag}:all`;
  }

  /** The channel on which one replica receives the acks of its messages. */
  acks(replica: string): string {
    return `${this.#tag}:acks:${replica}`;
  }
}
