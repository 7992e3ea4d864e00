import type { Tier } from "../core/access-log.ts";
import type { FactKind } from "../core/ports.ts";
import type {
  BreachEntry,
  Build,
  VersionEnd,
  RefusalEntry,
  Row,
  Series,
  Snapshot,
  Standing,
  CacheTierRow,
  Use,
  WithheldEntry,
} from "../core/status.ts";
import { addEntries } from "./isolation.ts";
import { Latency } from "./latency.ts";
import { latestOf } from "./refusals.ts";
import { addRows, type RequestOutcome } from "./counters.ts";

/** The state of one process as plain data, which can be added up over several processes. */
export interface Heard {
  readonly at: number;
  readonly started: number;
  readonly build: Build;
  /** The slots, oldest first. The last one is still filling. */
  readonly slots: readonly HeardSlot[];
  readonly tenants: readonly Row[];
  readonly versions: readonly Row[];
  readonly uses: readonly Use[];
  readonly breaches: readonly BreachEntry[];
  readonly withheld: readonly WithheldEntry[];
  readonly refusals: readonly RefusalEntry[];
}

export type WindowCounts = Record<RequestOutcome | "native" | "nativeFailed", number>;

/** The counts of one time slot. */
export interface HeardSlot {
  readonly counts: WindowCounts;
  /** The number of durations in each bucket of `Latency`. */
  readonly latency: Uint32Array;
  /** The number of lookups per source, by `<fact> <via>`. */
  readonly tiers: ReadonlyMap<string, number>;
}

/** The length of a slot in milliseconds. */
export const SLOT_MS = 5_000;
/** The most tenants and versions that have a name of their own. */
export const NAMES = { tenants: 30, versions: 10 } as const;
/** The most users on the status page. */
const USES = 50;

/**
 * Merges the state of all processes in `heard` (at least one) into the status page. Percentiles are computed
 * over all requests: a mean of percentiles would be wrong.
 */
export function snapshotOf(
  heard: readonly [Heard, ...Heard[]],
  { health, load, endings }: Omit<Standing, "targets">,
): Snapshot {
  const slots = together(heard);
  return {
    at: Math.max(...heard.map(({ at }) => at)),
    started: Math.min(...heard.map(({ started }) => started)),
    build: heard[0].build,
    health,
    load,
    series: seriesOf(slots),
    tenants: addRows(
      heard.map(({ tenants }) => tenants),
      NAMES.tenants,
    ),
    versions: addRows(
      heard.map(({ versions }) => versions),
      NAMES.versions,
    ),
    tiers: tiersOf(slots),
    uses: usesOf(heard, endings),
    breaches: addEntries(heard.map(({ breaches }) => breaches)),
    withheld: addEntries(heard.map(({ withheld }) => withheld)),
    refusals: latestOf(heard.flatMap(({ refusals }) => refusals)),
  };
}

/**
 * Groups the slots of the same time, in chronological order. All processes of a machine begin a slot at the
 * same moment.
 */
function together(heard: readonly [Heard, ...Heard[]]): HeardSlot[][] {
  return heard[0].slots.map((_, i) => heard.flatMap(({ slots }) => slots[i] ?? []));
}

function seriesOf(slots: readonly HeardSlot[][]): Series {
  const of = (name: keyof WindowCounts) => slots.map((all) => sum(all.map(({ counts }) => counts[name])));
  const times = slots.map((all) => Latency.of(all.map(({ latency }) => latency)));
  const at = (share: number) => times.map((latency) => latency.percentile(share));
  return {
    slot: SLOT_MS,
    answered: of("answered"),
    refused: of("refused"),
    failed: of("failed"),
    native: of("native"),
    nativeFailed: of("nativeFailed"),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
  };
}

const FACTS: readonly FactKind[] = ["keys", "tenants"];
const VIAS: readonly Tier[] = ["memory", "joined", "redis", "cms", "stale"];

function tiersOf(slots: readonly HeardSlot[][]): CacheTierRow[] {
  const all = slots.flat();
  return FACTS.flatMap((fact) =>
    VIAS.map((via) => ({ fact, via, count: sum(all.map(({ tiers }) => tiers.get(`${fact} ${via}`) ?? 0)) })),
  );
}

/** Merges the uses: ending versions first, then by the latest request. */
function usesOf(heard: readonly Heard[], endings: Readonly<Record<string, VersionEnd>>): Use[] {
  const all = new Map<string, Use>();
  for (const use of heard.flatMap(({ uses }) => uses)) {
    const name = `${use.version} ${use.userId}`;
    const known = all.get(name);
    const { requests = 0, seen = 0 } = known ?? {};
    const latest = known === undefined || use.seen > seen ? use : known;
    all.set(name, { ...latest, requests: requests + use.requests });
  }
  return [...all.values()]
    .map((use) => ({ ...use, ...datesOf(endings[use.version]) }))
    .toSorted((a, b) => Number(endsAtAll(b)) - Number(endsAtAll(a)) || b.seen - a.seen)
    .slice(0, USES);
}

function datesOf(ending: VersionEnd = {}): VersionEnd {
  return { deprecation: ending.deprecation, sunset: ending.sunset };
}

function endsAtAll({ deprecation, sunset }: VersionEnd): boolean {
  return deprecation !== undefined || sunset !== undefined;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
