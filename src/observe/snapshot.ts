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

/** What one process has heard, as plain data: what several have heard can be added up. */
export interface Heard {
  readonly at: number;
  readonly started: number;
  readonly build: Build;
  /** Oldest first; the last is still filling. */
  readonly slots: readonly HeardSlot[];
  readonly tenants: readonly Row[];
  readonly versions: readonly Row[];
  readonly uses: readonly Use[];
  readonly breaches: readonly BreachEntry[];
  readonly withheld: readonly WithheldEntry[];
  readonly refusals: readonly RefusalEntry[];
}

export type WindowCounts = Record<RequestOutcome | "native" | "nativeFailed", number>;

/** What was heard in one slot of time. */
export interface HeardSlot {
  readonly counts: WindowCounts;
  /** How many durations there were of each step of `Latency`. */
  readonly latency: Uint32Array;
  /** How often facts were found in each way, by `<fact> <via>`. */
  readonly tiers: ReadonlyMap<string, number>;
}

/** How long a slot is, in milliseconds. */
export const SLOT_MS = 5_000;
/** The most tenants and versions that have a name of their own. */
export const NAMES = { tenants: 30, versions: 10 } as const;
/** The most users that are shown at work. */
const USES = 50;

/**
 * The status page of all who have `heard`, as one; at least one has. Percentiles are those of all requests together: a
 * mean of each one's would be nobody's.
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

/** The slots of the same time, in the order of time. All processes of a machine begin a slot at the same moment. */
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

/** Those of an ending version first, then the latest. */
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
