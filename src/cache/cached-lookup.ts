import type { Clock } from "../core/clock.ts";
import { GatewayError, type ErrorCode } from "../core/errors.ts";
import { FOREVER, type Cancellation } from "../core/async/cancellation.ts";
import type { Tier } from "../core/access-log.ts";
import type { LookupContext, Facts, Found } from "../core/ports.ts";
import { Afresh } from "./afresh.ts";
import type { UnknownKeyLimiter } from "./unknown-key-limiter.ts";
import type { Memory } from "./memory.ts";
import type { Shared, SharedRecord } from "./shared.ts";

/** A fact, and the marks of what it was learnt from. */
export interface Tagged<T> {
  readonly fact: T;
  readonly marks: readonly string[];
}

/** One kind of fact: the tiers before the lookup. */
export interface CachedLookupOptions<T extends object> {
  readonly clock: Clock;
  readonly memory: Memory<Tagged<T>>;
  readonly shared: Shared<Tagged<T>> | undefined;
  readonly doorkeeper?: UnknownKeyLimiter;
  /** The error on which a stale fact is better than none. */
  readonly staleOn?: ErrorCode;
  /** Told of each answer, and of each lookup that the doorkeeper refused. */
  readonly onFound: (via: Tier) => void;
  readonly onRefused: () => void;
  /** Makes the others forget one name: the CMS has said that there is no such fact any longer. */
  readonly onGone: (name: string) => void;
}

/** Whom to ask for facts of a kind that are not remembered. */
export interface Source<K, T> {
  /** Asks the CMS. Its rejection is passed to everybody who waits and is not remembered. */
  readonly lookup: (key: K, asking: LookupContext) => Promise<T | undefined>;
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
export function createCachedLookup<T extends object>(options: CachedLookupOptions<T>): FactStore<T> {
  const { clock, memory, onFound } = options;
  const underWay = new Map<string, Flight<T>>();
  const afresh = new Afresh<Found<T>>(clock);
  const begin = <K>(how: typeof answer<K, T>, asked: Asked<K, T>): Promise<Found<T>> => {
    const { source, name } = asked;
    const isCurrent = () => underWay.get(name) === flight;
    const found: Promise<Found<T>> = how(options, { ...asked, isCurrent }).finally(() => {
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
        return settleWith(begin(answer, { source, name, key, asking }), asking.signal).then(report);
      },
      confirm(key, asking) {
        const name = source.nameOf(key);
        const question = async (): Promise<Found<T>> => {
          const found = report(await begin(learn, { source, name, key, asking }));
          if (found.value === undefined) options.onGone(name);
          return found;
        };
        // Who knows the CMS by other settings since a reload asks for himself.
        const asked = JSON.stringify([name, source.marks]);
        return settleWith(afresh.ask(asked, question), asking.signal);
      },
    }),
    drop(name) {
      memory.drop(name);
      underWay.delete(name);
    },
    flush() {
      memory.flush();
      underWay.clear();
      afresh.flush();
    },
  };
}

type Marks = Pick<Source<never, unknown>, "marks">;

function sharesMark(one: Marks, other: Marks): boolean {
  return one.marks.some((mark) => other.marks.includes(mark));
}

/** The fact, if it was learnt from that source. */
function factOf<T>(marked: Tagged<T> | undefined, source: Marks): T | undefined {
  return marked !== undefined && sharesMark(marked, source) ? marked.fact : undefined;
}

interface Asked<K, T> {
  readonly source: Source<K, T>;
  readonly name: string;
  readonly key: K;
  readonly asking: LookupContext;
}

interface Question<K, T> extends Asked<K, T> {
  /** False once the name was forgotten while this question was under way. */
  readonly isCurrent: () => boolean;
}

/** One question to the second tier and, where that does not know, to the CMS. */
async function answer<K, T extends object>(
  options: CachedLookupOptions<T>,
  question: Question<K, T>,
): Promise<Found<T>> {
  const { clock, memory, shared, doorkeeper } = options;
  const { name, isCurrent, source } = question;
  const asked = clock.now();
  const record = await shared?.read(name);
  const shareable = factOf(record?.value, source);
  if (record?.isKnown === true) doorkeeper?.learn(name, true);
  if (record?.value !== undefined && shareable !== undefined) {
    if (isCurrent()) memory.store(name, record.value, { born: asked, life: record.remaining });
    return { value: shareable, via: "redis" };
  }
  if (doorkeeper?.admits(name) === false) {
    options.onRefused();
    throw new GatewayError("key.unverifiable", { cause: "too many unknown keys" });
  }
  return learn(options, question, record);
}

/** One question to the CMS; what it says is remembered, and in the second tier as well, by what that had to say before. */
async function learn<K, T extends object>(
  options: CachedLookupOptions<T>,
  question: Question<K, T>,
  { epoch, isKnown = false }: Partial<SharedRecord<unknown>> = {},
): Promise<Found<T>> {
  const { clock, memory, shared, doorkeeper } = options;
  const { name, isCurrent, source } = question;
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
    // What it once was must not make the key a known one at the next question.
    if (isKnown) shared?.remove(name);
    return found;
  }
  const life = memory.life();
  const value = { fact, marks };
  memory.store(name, value, { born, life });
  if (epoch !== undefined) shared?.write(name, value, { epoch, life: life - (clock.now() - born) });
  return found;
}

async function ask<K, T extends object>(
  { staleOn, memory, doorkeeper }: CachedLookupOptions<T>,
  { source, name, key, asking }: Question<K, T>,
): Promise<Found<T>> {
  const isUnknownKey = doorkeeper?.knows(name) === false;
  try {
    // The question belongs to everybody who waits for it, so the first one's leaving must not end it.
    const value = await source.lookup(key, { ...asking, signal: FOREVER, isUnknownKey });
    return { value, via: "cms" };
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
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
