import type { Tier } from "../core/access-log.ts";
import type { LookupKind } from "../core/ports.ts";
import type {
  BreachEntry,
  Build,
  CacheTierRow,
  RefusalEntry,
  Row,
  Series,
  Snapshot,
  CurrentState,
  Use,
  VersionDates,
  WithheldEntry,
} from "../core/status.ts";
import type { RequestOutcome } from "./counters.ts";
import type { Latency } from "./latency.ts";

/** The state of the last quarter of an hour, as it was counted. */
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
  readonly latency: Latency;
  /** The number of lookups per source, by `<fact> <via>`. */
  readonly tiers: Map<string, number>;
}

/** The length of a slot in milliseconds. */
export const SLOT_MS = 5_000;
/** The most tenants and versions that have a name of their own. */
export const NAMES = { tenants: 30, versions: 10 } as const;
/** The most users on the status page. */
const USES = 50;

/** The data of the status page: the counts, and the state at this moment. */
export function snapshotOf(
  { slots, uses, ...heard }: Heard,
  { health, load, endings }: Omit<CurrentState, "targets">,
): Snapshot {
  return {
    ...heard,
    health,
    load,
    series: seriesOf(slots),
    tiers: tiersOf(slots),
    uses: usesOf(uses, endings),
  };
}

function seriesOf(slots: readonly HeardSlot[]): Series {
  const of = (name: keyof WindowCounts) => slots.map(({ counts }) => counts[name]);
  const at = (share: number) => slots.map(({ latency }) => latency.percentile(share));
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

const FACTS: readonly LookupKind[] = ["keys", "tenants"];
const VIAS: readonly Tier[] = ["memory", "joined", "redis", "cms", "stale"];

function tiersOf(slots: readonly HeardSlot[]): CacheTierRow[] {
  const count = (name: string) => slots.reduce((sum, { tiers }) => sum + (tiers.get(name) ?? 0), 0);
  return FACTS.flatMap((fact) => VIAS.map((via) => ({ fact, via, count: count(`${fact} ${via}`) })));
}

/** The uses of ending versions first, then by the latest request. */
function usesOf(uses: readonly Use[], endings: Readonly<Record<string, VersionDates>>): Use[] {
  return uses
    .map((use) => ({ ...use, ...datesOf(endings[use.version]) }))
    .toSorted((a, b) => Number(endsAtAll(b)) - Number(endsAtAll(a)) || b.seen - a.seen)
    .slice(0, USES);
}

function datesOf(ending: VersionDates = {}): VersionDates {
  return { deprecation: ending.deprecation, sunset: ending.sunset };
}

function endsAtAll({ deprecation, sunset }: VersionDates): boolean {
  return deprecation !== undefined || sunset !== undefined;
}
