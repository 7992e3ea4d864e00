import {
  createCachedLookup,
  type CachedLookupOptions,
  type Tagged,
} from "../../../src/cache/cached-lookup.ts";
import { MemoryTier, type MemoryTierOptions } from "../../../src/cache/memory-tier.ts";
import type { LookupContext } from "../../../src/core/ports.ts";

/** The facts of the tests. */
export type Fact = { readonly of: string; readonly text?: string };

const asking: LookupContext = {
  requestId: "r",
  signal: new AbortController().signal,
  note: { stage: "", upstreamRequests: 0, upstreamMs: 0 },
};

/** Creates a cache whose clock and CMS the test controls. */
export function bench(
  memory: Partial<MemoryTierOptions> = {},
  facts: Partial<CachedLookupOptions<Fact>> = {},
) {
  let now = 1_000;
  const clock = { now: () => now, after: () => () => undefined };
  const asked: string[] = [];
  /** The `isUnknownKey` of each lookup. */
  const unknown: (boolean | undefined)[] = [];
  const waiting: { key: string; answer: (fact: Fact | undefined) => void; fail: (error: Error) => void }[] =
    [];
  const seen: string[] = [];
  const options: CachedLookupOptions<Fact> = {
    clock,
    memory: new MemoryTier<Tagged<Fact>>({
      clock,
      ttl: 1_000,
      absentTtl: 100,
      jitter: 0,
      grace: 0,
      max: 10,
      maxAbsent: 3,
      bytes: 100_000,
      longestLife: () => Infinity,
      random: () => 0.5,
      ...memory,
    }),
    shared: undefined,
    onFound: (via) => void seen.push(via),
    onRefused: () => void seen.push("refused"),
    onGone: () => undefined,
    ...facts,
  };
  const all = createCachedLookup(options);
  /** Returns the cached lookup of a CMS with these marks. */
  const from = (...marks: string[]) =>
    all.from<string>({
      lookup: (key, { isUnknownKey }) => {
        asked.push(key);
        unknown.push(isUnknownKey);
        return new Promise((answer, fail) => void waiting.push({ key, answer, fail }));
      },
      nameOf: (key) => key,
      marks,
    });
  const store = { ...all, ...from("mark") };
  const find = (key: string, more: Partial<LookupContext> = {}) => store.find(key, { ...asking, ...more });
  const confirm = (key: string, more: Partial<LookupContext> = {}) =>
    store.confirm(key, { ...asking, ...more });
  /** Answers the oldest lookup in flight. */
  const answer = async (fact: Fact | undefined) => {
    await settled();
    waiting.shift()?.answer(fact);
    await settled();
  };
  const fail = async (error: Error) => {
    await settled();
    waiting.shift()?.fail(error);
    await settled();
  };
  return {
    asking,
    store,
    from,
    find,
    confirm,
    answer,
    fail,
    asked,
    unknown,
    seen,
    clock,
    pass: (ms: number) => void (now += ms),
  };
}

/**
 * Resolves when all promises that do not depend on the test have settled. Nothing here uses a timer or a
 * socket, and Node runs all promise reactions before an immediate, so the result does not depend on time.
 */
export const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));
