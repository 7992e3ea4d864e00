import type { ErrorCode } from "./errors.ts";
import type { Breach, WithheldValues } from "./foreign.ts";
import type { Tier } from "./access-log.ts";
import type { FactKind } from "./ports.ts";

/**
 * What the status page shows: plain data, bounded in size, made by `observe/`, sent by `server/`, drawn by the page.
 * Counts cover the window that `series` spans; times are milliseconds since 1970.
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

/** How a part of the gateway is doing; `down`: it is not even asked, but for a trial once in a while. */
export type PartState = "ok" | "degraded" | "down" | "unknown";

/** What `/readyz` tells. */
export interface Health {
  /** True once requests can be served, false again from the moment of draining. */
  readonly ready: boolean;
  readonly draining: boolean;
  readonly parts: Readonly<Record<string, PartState>>;
}

/** How things stand at this moment, read where it is known rather than counted a second time. */
export interface Standing {
  readonly health: Health;
  readonly load: Load;
  readonly targets: readonly TargetStanding[];
  /** When versions end, by their names. */
  readonly endings: Readonly<Record<string, VersionEnd>>;
}

/** One target of an upstream, by its origin. */
export interface TargetStanding {
  readonly upstream: string;
  readonly target: string;
  readonly state: PartState;
  /** Partner requests that hold a connection to it. */
  readonly requests: number;
}

/** When a version ends, ISO 8601. */
export interface VersionEnd {
  readonly deprecation?: string | undefined;
  readonly sunset?: string | undefined;
}

/** What runs. */
export interface Build {
  readonly version: string;
  readonly node: string;
}

/** A number with its limit. */
export interface Level {
  readonly now: number;
  readonly most: number;
}

/** What is under way. */
export interface Load {
  readonly inFlight: Level;
  /** Connections to the CMS that carry a partner request, and the requests that wait for one. */
  readonly connections: Level;
  readonly waiting: Level;
  readonly breakerOpen: boolean;
}

/** One number a slot, oldest first; `null` where nothing was measured. The last slot is still filling. */
export interface Series {
  /** How long a slot is, in milliseconds. */
  readonly slot: number;
  readonly answered: readonly number[];
  /** 4xx: clients' mistakes. */
  readonly refused: readonly number[];
  /** 5xx: the CMS's or the gateway's. */
  readonly failed: readonly number[];
  readonly native: readonly number[];
  readonly nativeFailed: readonly number[];
  readonly p50: readonly (number | null)[];
  readonly p95: readonly (number | null)[];
  readonly p99: readonly (number | null)[];
}

/** Requests of one tenant or version, by how they ended. */
export interface Row {
  readonly name: string;
  readonly answered: number;
  readonly refused: number;
  readonly failed: number;
}

/** How often a kind of fact was found in one way. */
export interface CacheTierRow {
  readonly fact: FactKind;
  readonly via: Tier;
  readonly count: number;
}

/** A key's user at work with a version. Never the key. */
export interface Use extends VersionEnd {
  readonly userId: string;
  readonly version: string;
  readonly tenant: string;
  readonly requests: number;
  readonly seen: number;
}

/** Breaches of isolation since the start, of one place and collection; `requestId` and `seen` are those of the last. */
export interface BreachEntry extends Breach {
  readonly seen: number;
}

/** Values withheld since the start, of one field; `requestId` and `seen` are those of the last. */
export interface WithheldEntry extends WithheldValues {
  readonly seen: number;
}

/** A request that did not get what it asked for, and why. */
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
