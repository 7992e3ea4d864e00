import { randomUUID } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { isObject } from "../core/json.ts";
import type { FactKind } from "../core/ports.ts";
import type { Digests } from "./digest.ts";
import type { RedisBreaker } from "./redis-breaker.ts";
import type { RedisKeys } from "./redis-keys.ts";
import type { RedisClient } from "./redis.ts";
import { withTimeout } from "./with-timeout.ts";

/** The shape of records. A record of another shape is a miss: raise it whenever a fact's fields change. */
const SCHEMA = 4;

/**
 * What the second tier said: the epoch under which a fact may be written, if any, and the fact with what is left of its
 * life. `isKnown`: there is a record, which may have ended, so that there once was such a fact.
 */
export interface SharedRecord<T> {
  readonly epoch?: string;
  readonly value?: T;
  readonly remaining: number;
  readonly isKnown: boolean;
}

export interface SharedOptions<T> {
  readonly kind: FactKind;
  readonly client: RedisClient;
  readonly places: RedisKeys;
  readonly gate: RedisBreaker;
  readonly digests: Digests;
  readonly clock: Clock;
  /** The longest that a request waits for Redis. */
  readonly timeout: number;
  /** The fact in a record, or `undefined` where it is none. */
  readonly parse: (value: unknown) => T | undefined;
  /** The machine's time of day in milliseconds: what expiries in records are in, since replicas share no other. */
  readonly wallTime: () => number;
  /** How old a fact may become here, whatever life its writer gave it. */
  readonly ttl: number;
  /** How long after its fact's life a record still says that there was one, in milliseconds. */
  readonly knownFor: number;
  readonly onFailed: (cause: unknown) => void;
}

/**
 * The second tier: facts of one kind in Redis. A record counts only under the epoch that stands beside it at the very
 * moment of reading; an invalidation removes the epoch and so ends all records at once, those included that a slow
 * lookup has yet to write. Only facts that exist are kept here.
 */
export class Shared<T extends object> {
  readonly #options: SharedOptions<T>;

  constructor(options: SharedOptions<T>) {
    this.#options = options;
  }

  /**
   * What Redis knows; `undefined` where it cannot be asked. While it is not to be believed, as before a replica that
   * starts has made sure of it, there is neither an epoch nor a fact.
   */
  async read(name: string): Promise<SharedRecord<T> | undefined> {
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
      // Also a reply of the wrong type, where somebody else writes under our prefix.
      onFailed(cause);
      gate.trip();
      return undefined;
    }
  }

  /** Keeps a fact that was looked up under that epoch. Not awaited by anybody; where it fails, there is no record. */
  write(name: string, value: T, { epoch, life }: { epoch: string; life: number }): void {
    const { kind, client, places, gate, digests, wallTime, knownFor, onFailed } = this.#options;
    const ms = Math.floor(life);
    if (!gate.isOpen || ms <= 0) return;
    const place = places.record(kind, name);
    const text = JSON.stringify({ schema: SCHEMA, epoch, life: ms, until: wallTime() + ms, value });
    client.set(place, digests.seal(place, text) + text, "PX", ms + knownFor).catch(onFailed);
  }

  /** Removes the record of what is no fact any longer. Not awaited by anybody; it counts for nothing but `isKnown`. */
  remove(name: string): void {
    const { kind, client, places, onFailed } = this.#options;
    client.del(places.record(kind, name)).catch(onFailed);
  }

  /** The fact in a record's text, if every mark on it is right. */
  #open(
    text: string | null,
    at: { place: string; epoch: string | undefined; life: number },
  ): Omit<SharedRecord<T>, "epoch"> {
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
    // Redis counts by its own clock, the record by its writer's: the shorter holds, so that no clock lengthens
    // a life; and a replica that was configured to forget earlier does.
    const life = at.life - knownFor;
    const age = Number(record["life"]) - life;
    if (age < 0) {
      // Redis's clock was set back: when it has come so far again, this record and all others would count once more.
      client.del(places.epoch(kind)).catch(onFailed);
      return ended;
    }
    const remaining = Math.min(Number(record["until"]) - wallTime(), life, ttl - age);
    const value = parse(record["value"]);
    return value === undefined || !(remaining > 0) ? ended : { value, remaining, isKnown: true };
  }

  /**
   * A new epoch where there is none: after an invalidation, or after Redis was wiped. Random, so that none comes again.
   * Where another request was first, its epoch, so that what all of them look up is shared.
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
      // Full or read-only: it can be read and not written, which is no reason to leave it.
      if (cause instanceof Error && cause.name === "ReplyError") return undefined;
      throw cause;
    });
  }
}

/** What one question to Redis brings: the epoch, a record's text, and what is left of its life by Redis's clock. */
interface Reply {
  readonly stored: string | null;
  readonly text: string | null;
  readonly life: number;
}

/** Both commands in one write: waking Redis for each costs more than either. */
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
