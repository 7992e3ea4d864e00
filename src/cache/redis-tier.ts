import { randomUUID } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { isObject } from "../core/json.ts";
import type { LookupKind } from "../core/ports.ts";
import type { Digests } from "./digest.ts";
import type { RedisBreaker } from "./redis-breaker.ts";
import type { RedisKeys } from "./redis-keys.ts";
import type { RedisClient } from "./redis.ts";
import { withTimeout } from "./with-timeout.ts";

/**
 * The version of the record format. A record of another version is a miss: raise it when a fact's fields
 * change.
 */
const SCHEMA = 4;

/**
 * The result of a read from the second tier: the epoch under which a fact may be written, if any, and the
 * fact with its remaining lifetime. `isKnown`: Redis has a record, possibly an expired one, so the fact
 * existed once.
 */
export interface RedisRecord<T> {
  readonly epoch?: string;
  readonly value?: T;
  readonly remaining: number;
  readonly isKnown: boolean;
}

export interface RedisTierOptions<T> {
  readonly kind: LookupKind;
  readonly client: RedisClient;
  readonly places: RedisKeys;
  readonly gate: RedisBreaker;
  readonly digests: Digests;
  readonly clock: Clock;
  /** The longest that a request waits for Redis, in milliseconds. */
  readonly timeout: number;
  /** Parses the fact in a record; `undefined` if it is none. */
  readonly parse: (value: unknown) => T | undefined;
  /**
   * Returns the wall-clock time in milliseconds. Expiries in records use it, because replicas share no other
   * clock.
   */
  readonly wallTime: () => number;
  /** The largest age of a fact in this process, whatever lifetime its writer gave it, in milliseconds. */
  readonly ttl: number;
  /** How long a record remains after its fact has expired, to show that the fact existed, in milliseconds. */
  readonly knownFor: number;
  readonly onFailed: (cause: unknown) => void;
}

/**
 * The second tier: facts of one kind in Redis. A record is valid only if it carries the epoch that is current
 * when it is read. An invalidation removes the epoch, which ends all records at once, including those that a
 * slow lookup is about to write. Known absences are not stored.
 */
export class RedisTier<T extends object> {
  readonly #options: RedisTierOptions<T>;

  constructor(options: RedisTierOptions<T>) {
    this.#options = options;
  }

  /**
   * Reads a record; `undefined` if Redis is not available. While Redis is not trusted (when a replica starts,
   * for example), the result has neither an epoch nor a fact.
   */
  async read(name: string): Promise<RedisRecord<T> | undefined> {
    const { kind, client, places, gate, onFailed, timeout, clock } = this.#options;
    if (!gate.mayAsk || (!gate.isOpen && client.status !== "ready")) return undefined;
    const { turn, isOpen } = gate;
    const place = places.record(kind, name);
    try {
      const { stored, text, life } = await withTimeout(
        ask(client, places.epoch(kind), place),
        timeout,
        clock,
      );
      const epoch = isOpen ? (stored ?? (await this.#beginEpoch())) : undefined;
      const found = this.#open(text, { place, epoch, life });
      if (epoch === undefined || turn !== gate.turn) return { remaining: 0, isKnown: found.isKnown };
      return { epoch, ...found };
    } catch (cause) {
      // This includes a reply of the wrong type, if another application writes under this prefix.
      onFailed(cause);
      gate.trip();
      return undefined;
    }
  }

  /**
   * Stores a fact that was looked up under that epoch. Does not wait for Redis; if it fails, there is no
   * record.
   */
  write(name: string, value: T, { epoch, life }: { epoch: string; life: number }): void {
    const { kind, client, places, gate, digests, wallTime, knownFor, onFailed } = this.#options;
    const ms = Math.floor(life);
    if (!gate.isOpen || ms <= 0) return;
    const place = places.record(kind, name);
    const text = JSON.stringify({ schema: SCHEMA, epoch, life: ms, until: wallTime() + ms, value });
    client.set(place, digests.seal(place, text) + text, "PX", ms + knownFor).catch(onFailed);
  }

  /**
   * Removes the record of a fact that no longer exists. Does not wait for Redis: only `isKnown` depends on
   * it.
   */
  remove(name: string): void {
    const { kind, client, places, onFailed } = this.#options;
    client.del(places.record(kind, name)).catch(onFailed);
  }

  /** Returns the fact in a record's text, if its seal, version and epoch are valid and it has not expired. */
  #open(
    text: string | null,
    at: { place: string; epoch: string | undefined; life: number },
  ): Omit<RedisRecord<T>, "epoch"> {
    const { kind, client, places, digests, parse, wallTime, ttl, knownFor, onFailed } = this.#options;
    if (text === null) return { remaining: 0, isKnown: false };
    const body = text.slice(SEAL_LENGTH);
    if (!digests.isSealed(text.slice(0, SEAL_LENGTH), at.place, body)) {
      onFailed("a record that does not bear our seal");
      return { remaining: 0, isKnown: false };
    }
    const ended = { remaining: 0, isKnown: true };
    const record = readJson(body);
    if (!isObject(record) || record["schema"] !== SCHEMA || record["epoch"] !== at.epoch) return ended;
    // Redis's TTL uses Redis's clock, `until` the writer's. The shortest lifetime applies, so that a wrong
    // clock never lengthens it. The `ttl` configured here applies too.
    const life = at.life - knownFor;
    const age = Number(record["life"]) - life;
    if (age < 0) {
      // Redis's clock was set back: this record and all others would live too long. Removing the epoch ends
      // them.
      client.del(places.epoch(kind)).catch(onFailed);
      return ended;
    }
    const remaining = Math.min(Number(record["until"]) - wallTime(), life, ttl - age);
    const value = parse(record["value"]);
    return value === undefined || !(remaining > 0) ? ended : { value, remaining, isKnown: true };
  }

  /**
   * Creates an epoch if Redis has none: after an invalidation, or after Redis was emptied. It is random, so
   * that none recurs. If another request has created one first, returns that one, so that all their lookups
   * are shared.
   */
  async #beginEpoch(): Promise<string | undefined> {
    const { client, places, kind, timeout, clock } = this.#options;
    const [place, epoch] = [places.epoch(kind), randomUUID()];
    const begin = async (): Promise<string | undefined> => {
      if ((await client.set(place, epoch, "NX")) === "OK") return epoch;
      const [stored] = await client.mget(place);
      return stored ?? undefined;
    };
    return withTimeout(begin(), timeout, clock).catch((cause: unknown) => {
      // Redis is full or read-only: it can still be read, so the gate stays open.
      if (cause instanceof Error && cause.name === "ReplyError") return undefined;
      throw cause;
    });
  }
}

/** The replies to one read: the epoch, the record's text, and its remaining TTL by Redis's clock. */
interface Reply {
  readonly stored: string | null;
  readonly text: string | null;
  readonly life: number;
}

/** Sends both commands in one write: waking Redis twice costs more than either command. */
async function ask(client: RedisClient, epoch: string, place: string): Promise<Reply> {
  const replies = (await client.pipeline().mget(epoch, place).pttl(place).exec()) ?? [];
  for (const [error] of replies) if (error !== null) throw error;
  const [texts, life] = replies.map(([, reply]) => reply);
  const [stored, text] = Array.isArray(texts) ? texts : [];
  return { stored: textOf(stored), text: textOf(text), life: Number(life) };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

const SEAL_LENGTH = 43;

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
