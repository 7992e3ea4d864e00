import type { ErrorCode } from "./errors.ts";
import type { Breach, WithheldValues } from "./foreign.ts";
import type { Tier } from "./access-log.ts";
import type { LookupKind } from "./ports.ts";

/**
 * The data of the status page, bounded in size. `observe/` collects it, `server/` sends it and the page draws
 * it. Counts cover the window of `series`; times are in milliseconds since 1970.
 */
export interface Snapshot {
  readonly at: number;
  readonly started: number;
  readonly build: Build;
  readonly health: Health;
  readonly load: Load;
  readonly series: Series;
  readonly tenants: readonly Row[];
  readonly versions: readonly Row[];
  readonly tiers: readonly CacheTierRow[];
  readonly uses: readonly Use[];
  readonly breaches: readonly BreachEntry[];
  readonly withheld: readonly WithheldEntry[];
  readonly refusals: readonly RefusalEntry[];
}

/** The state of a part of the gateway; `down`: it gets no requests except occasional trials. */
export type PartState = "ok" | "degraded" | "down" | "unknown";

/** The answer of `/readyz`. */
export interface Health {
  /** True once the gateway can serve requests, false again when it starts to drain. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly parts: Readonly<Record<string, PartState>>;
}

/** The present state, read from its owners instead of counted a second time. */
export interface CurrentState {
  readonly health: Health;
  readonly load: Load;
  readonly targets: readonly TargetState[];
  /** The end dates of versions, by name. */
  readonly endings: Readonly<Record<string, VersionDates>>;
}

/** The state of one target of an upstream; `target` is its origin. */
export interface TargetState {
  readonly upstream: string;
  readonly target: string;
  readonly state: PartState;
  /** The number of partner requests that hold a connection to it. */
  readonly requests: number;
}

/** The end dates of a version, ISO 8601. */
export interface VersionDates {
  readonly deprecation?: string | undefined;
  readonly sunset?: string | undefined;
}

/** The versions of the gateway and of Node. */
export interface Build {
  readonly version: string;
  readonly node: string;
}

/** A present number and its limit. */
export interface Level {
  readonly now: number;
  readonly most: number;
}

/** The present load. */
export interface Load {
  readonly inFlight: Level;
  /** The connections to the CMS that carry a partner request, and the requests that wait for one. */
  readonly connections: Level;
  readonly waiting: Level;
  readonly breakerOpen: boolean;
}

/**
 * Numbers per time slot, oldest first; `null` in a slot without a measurement. The last slot is incomplete.
 */
export interface Series {
  /** The length of a slot in milliseconds. */
  readonly slot: number;
  readonly answered: readonly number[];
  /** Answers with 4xx: client errors. */
  readonly refused: readonly number[];
  /** Answers with 5xx: errors of the CMS or the gateway. */
  readonly failed: readonly number[];
  readonly native: readonly number[];
  readonly nativeFailed: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

/** The requests of one tenant or version, by outcome. */
export interface Row {
  readonly name: string;
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
}

/** The number of lookups of one kind that one tier answered. */
export interface CacheTierRow {
  readonly fact: LookupKind;
  readonly via: Tier;
  readonly count: number;
}

/** The use of a version by the user of a key. Never contains the key. */
export interface Use extends VersionDates {
  readonly userId: string;
  readonly version: string;
  readonly tenant: string;
  readonly requests: number;
  readonly seen: number;
}

/**
 * The isolation breaches since the start, per place and collection; `requestId` and `seen` describe the last
 * one.
 */
export interface BreachEntry extends Breach {
  readonly seen: number;
}

/** The values withheld since the start, per field; `requestId` and `seen` describe the last one. */
export interface WithheldEntry extends WithheldValues {
  readonly seen: number;
}

/** A refused or failed request, and its cause. */
export interface RefusalEntry {
  readonly at: number;
  readonly requestId: string;
  readonly clientRequestId?: string | undefined;
  readonly method: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly stage: string;
  readonly userId?: string | undefined;
  readonly tenant?: string | undefined;
  readonly version?: string | undefined;
  readonly what?: string | undefined;
  /** The cause in words, without secrets. */
  readonly reason: string;
}
