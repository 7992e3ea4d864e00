import type { Clock } from "../core/clock.ts";
import { GatewayError, type ErrorCode } from "../core/errors.ts";
import { FOREVER, type Cancellation } from "../core/lifetime.ts";
import type { Via } from "../core/note.ts";
import type { Asking, Facts, Found } from "../core/ports.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import type { Memory } from "./memory.ts";
import type { Shared } from "./shared.ts";

/** A fact, and the marks of what it was learnt from. */
export interface Marked<T> {
  readonly fact: T;
  readonly marks: readonly string[];
}

/** One kind of fact: the tiers before the lookup. */
export interface FactsOptions<T extends object> {
  readonly clock: Clock;
  readonly memory: Memory<Marked<T>>;
  readonly shared: Shared<Marked<T>> | undefined;
  readonly doorkeeper?: Doorkeeper;
  /** The error on which a stale fact is better than none. */
  readonly staleOn?: ErrorCode;
  /** Told of each answer, and of each lookup that the doorkeeper refused. */
  readonly onFound: (via: Via) => void;
  readonly onRefused: () => void;
  /** Tells the other tiers and replicas to forget one name. */
  readonly onForget: (name: string) => void;
}

/** Whom to ask for facts of a kind that are not remembered. */
export interface Source<K, T> {
  /** Asks the CMS. Its rejection is passed to everybody who waits and is not remembered. */
  readonly lookup: (key: K, asking: Asking) => Promise<T | undefined>;
  /** What a fact is remembered under: a digest. */
  readonly nameOf: (key: K) => string;
  /**
   * What facts are learnt from here; at least one. A remembered fact counts where it has one of them: so a CMS that
   * gets another target keeps its facts, and a name that now means another CMS, or is read by other settings, has none.
   */
  readonly marks: readonly string[];
}

/** All facts of one kind, of whatever CMS. They live on where a reload puts another source in place of one. */
export interface FactStore<T> {
  /** The facts of one source. */
  from<K>(source: Source<K, T>): Facts<K, T>;
  /** Forgets everything; what lookups under way will find is not remembered. */
  flush(): void;
  /** The same for one name. Only this process's memory. */
  drop(name: string): void;
}

interface Flight<T> {
  readonly found: Promise<Found<T>>;
  readonly marks: readonly string[];
}

/**
 * A lookup behind two tiers, memory then Redis, with one lookup under way per name. A lookup that was under way when
 * its name was forgotten is neither stored nor joined from then on: what it finds may be what has just been withdrawn.
 */
export function createFacts<T extends object>(options: FactsOptions<T>): FactStore<T> {
  const { memory, onFound } = options;
  const underWay = new Map<string, Flight<T>>();

  const begin = <K>(source: Source<K, T>, key: K, asking: Asking): Promise<Found<T>> => {
    const name = source.nameOf(key);
    const isCurrent = () => underWay.get(name) === flight;
    const found: Promise<Found<T>> = answer(options, { source, name, key, asking, isCurrent }).finally(() => {
      if (isCurrent()) underWay.delete(name);
    });
    const flight: Flight<T> = { found, marks: source.marks };
    underWay.set(name, flight);
    found.catch(() => undefined);
    return found;
  };

  const report = (found: Found<T>): Found<T> => {
    onFound(found.via);
    return found;
  };

  const drop = (name: string): void => {
    memory.drop(name);
    underWay.delete(name);
  };

  return {
    from: (source) => ({
      find(key, asking) {
        const name = source.nameOf(key);
        const known = memory.get(name);
        if (known !== undefined && "marks" in known && sharesMark(known, source))
          return Promise.resolve(report({ value: undefined, via: "memory" }));
        const value = factOf(known !== undefined && "value" in known ? known.value : undefined, source);
        if (value !== undefined) return Promise.resolve(report({ value, via: "memory" }));
        const joined = underWay.get(name);
        if (joined !== undefined && sharesMark(joined, source))
          return settleWith(joined.found, asking.signal).then((found) => report({ ...found, via: "joined" }));
        const stale = factOf(memory.stale(name, true), source);
        if (stale !== undefined) return Promise.resolve(report({ value: stale, via: "stale" }));
        return settleWith(begin(source, key, asking), asking.signal).then(report);
      },
      forget(key) {
        const name = source.nameOf(key);
        drop(name);
        options.onForget(name);
      },
    }),
    drop,
    flush() {
      memory.flush();
      underWay.clear();
    },
  };
}

type Marks = Pick<Source<never, unknown>, "marks">;

function sharesMark(one: Marks, other: Marks): boolean {
  return one.marks.some((mark) => other.marks.includes(mark));
}

/** The fact, if it was learnt from that source. */
function factOf<T>(marked: Marked<T> | undefined, source: Marks): T | undefined {
  return marked !== undefined && sharesMark(marked, source) ? marked.fact : undefined;
}

interface Question<K, T> {
  readonly source: Source<K, T>;
  readonly name: string;
  readonly key: K;
  readonly asking: Asking;
  /** False once the name was forgotten while this question was under way. */
  readonly isCurrent: () => boolean;
}

/** One question to the second tier and, where that does not know, to the CMS. */
async function answer<K, T extends object>(
  options: FactsOptions<T>,
  question: Question<K, T>,
): Promise<Found<T>> {
  const { clock, memory, shared, doorkeeper } = options;
  const { name, isCurrent, source } = question;
  const asked = clock.now();
  const record = await shared?.read(name);
  const shareable = factOf(record?.value, source);
  if (record?.value !== undefined && shareable !== undefined) {
    if (isCurrent()) memory.store(name, record.value, { born: asked, life: record.remaining });
    doorkeeper?.learn(name, true);
    return { value: shareable, via: "redis" };
  }
  if (doorkeeper?.admits(name) === false) {
    options.onRefused();
    throw new GatewayError("key.unverifiable", { cause: "too many unknown keys" });
  }
  // Lives are counted from here: what the CMS says was true no later than when it was asked.
  const born = clock.now();
  const found = await ask(options, question);
  if (found.via === "stale") return found;
  const { value: fact } = found;
  doorkeeper?.learn(name, fact !== undefined);
  if (!isCurrent()) return found;
  const { marks } = source;
  if (fact === undefined) {
    memory.storeAbsence(name, { marks, born });
    return found;
  }
  const life = memory.life();
  const value = { fact, marks };
  memory.store(name, value, { born, life });
  if (record !== undefined)
    shared?.write(name, value, { epoch: record.epoch, life: life - (clock.now() - born) });
  return found;
}

async function ask<K, T extends object>(
  { staleOn, memory }: FactsOptions<T>,
  { source, name, key, asking }: Question<K, T>,
): Promise<Found<T>> {
  try {
    // The question belongs to everybody who waits for it, so the first one's leaving must not end it.
    return { value: await source.lookup(key, { ...asking, signal: FOREVER }), via: "cms" };
  } catch (error) {
    const isStale = error instanceof GatewayError && error.code === staleOn;
    const value = isStale ? factOf(memory.stale(name, false), source) : undefined;
    if (value !== undefined) return { value, via: "stale" };
    throw error;
  }
}

/** `promise`, unless `signal` aborts before: then its reason. Leaves no listener behind. */
function settleWith<T>(promise: Promise<T>, signal: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () =>
      reject(signal.reason instanceof Error ? signal.reason : new GatewayError("gateway.fault"));
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
