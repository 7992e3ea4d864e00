import type { Delivery } from "../../cache/pending-acks.ts";
import type { Config } from "../../config/schema.ts";
import type { FactKind } from "../../core/ports.ts";
import type { Health, Standing } from "../../core/status.ts";
import type { Samples } from "../../observe/metrics.ts";
import type { Heard } from "../../observe/snapshot.ts";
import type { PurgeRequest, PurgeResult } from "../../server/purge.ts";

/** What a worker can be asked by the primary. */
export type WorkerSide = {
  readonly health: () => Promise<Health>;
  readonly samples: () => Promise<Samples>;
  readonly heard: () => Promise<{ readonly heard: Heard; readonly standing: Standing }>;
  /** Forget on the operator's behalf, and make Redis and the replicas forget. */
  readonly purge: (request: PlainPurge) => Promise<PurgeResult>;
  /** Forget facts of these kinds, and share no read that is under way: another worker has seen a write. */
  readonly forget: (kinds: readonly FactKind[]) => Promise<void>;
  /** Go over to a configuration that was checked; a fault where it cannot be built. */
  readonly reload: (config: Config) => Promise<void>;
  /** Drain and end. Resolves at once. */
  readonly stop: () => Promise<void>;
  /** End at once. */
  readonly end: () => Promise<void>;
};

/** What the primary can be asked by a worker. */
export type PrimarySide = {
  /** From now on the worker is asked and told. */
  readonly begin: () => Promise<Orders>;
  /** The worker serves, on this port. */
  readonly opened: (port: number) => Promise<void>;
  /** The worker cannot serve, and why. */
  readonly failed: (reason: Failure) => Promise<void>;
  /** The worker takes no new connection and will end: another may take its place. */
  readonly leaving: () => Promise<void>;
  /** Makes the other workers forget: see `Others`. */
  readonly forget: (kinds: readonly FactKind[]) => Promise<Delivery>;
};

/** What a worker is to do. */
export interface Orders {
  /** Counted from 1. A worker that takes another's place has its number. */
  readonly worker: number;
  /** This worker's part of it. */
  readonly config: Config;
}

/** An error as plain data. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
}

/** A purge as plain data: names differ between workers, so that each is told the key itself. */
export type PlainPurge =
  | Exclude<PurgeRequest, { readonly what: "key" }>
  | { readonly what: "key"; readonly key: string };
