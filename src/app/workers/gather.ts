import { Secret } from "../../core/secret.ts";
import type { Health } from "../../core/status.ts";
import type { Metrics } from "../../observe/metrics.ts";
import { pageOf } from "../../observe/samples.ts";
import { snapshotOf } from "../../observe/snapshot.ts";
import type { Status } from "../../observe/status.ts";
import type { AdminApi } from "../../server/admin.ts";
import type { PurgeRequest, PurgeResult } from "../../server/purge.ts";
import type { Hand } from "./hand.ts";
import type { Ledger } from "./ledger.ts";
import type { PlainPurge } from "./sides.ts";
import type { Staff } from "./staff.ts";
import { healthOf, standingOf } from "./standings.ts";

/** The longest that the admin port waits for a worker: a stuck one must not keep it from telling of the others. */
const PATIENCE_MS = 500;

export interface GatherOptions {
  readonly staff: Staff;
  readonly ledger: Ledger<Hand>;
  /** The primary's own, which has seen no request. */
  readonly metrics: Metrics;
  readonly status: Status;
  /** The longest that a purge may take, in milliseconds. */
  readonly purgePatience: number;
}

/** What a gateway of several workers has to say of itself: all of them as one. */
export function gather(options: GatherOptions): AdminApi {
  const { staff, ledger, metrics, status, purgePatience } = options;
  return {
    health: async () => withStaff(healthOf(present(await staff.ask(PATIENCE_MS, "health"))), staff),
    async metrics() {
      const told = await staff.ask(PATIENCE_MS, "samples");
      const own = await metrics.samples({
        ...standingOf([]),
        health: withStaff(healthOf([]), staff),
        workers: staff.hands.filter(({ isOpen }) => isOpen).length,
      });
      return pageOf([own, ...(await ledger.entries(told))]);
    },
    async snapshot() {
      const told = present(await staff.ask(PATIENCE_MS, "heard"));
      const standing = standingOf(told.map((one) => one.standing));
      const heard = told.map((one) => one.heard);
      return snapshotOf([status.heard(), ...heard], {
        ...standing,
        health: withStaff(standing.health, staff),
      });
    },
    async purge(request) {
      const done = await staff.ask(purgePatience, "purge", plain(request));
      return worstOf([...done.values()]);
    },
  };
}

function present<T>(answers: ReadonlyMap<Hand, T | undefined>): T[] {
  return [...answers.values()].flatMap((answer) => answer ?? []);
}

/** With the workers themselves as a part: `degraded` where one is missing or does not answer. */
function withStaff({ ready, parts }: Health, staff: Staff): Health {
  const isWell = staff.isComplete && staff.hands.every(({ isSilent }) => !isSilent);
  return { ready, draining: staff.isStopping, parts: { ...parts, workers: isWell ? "ok" : "degraded" } };
}

function plain(request: PurgeRequest): PlainPurge {
  return request.what === "key" ? { what: "key", key: Secret.reveal(request.key) } : request;
}

/** One that did not say that it has forgotten may not have. */
function worstOf(results: readonly (PurgeResult | undefined)[]): PurgeResult {
  const done = results.flatMap((result) => result ?? []);
  return {
    peers: Math.max(0, ...done.map(({ peers }) => peers)),
    acknowledged: Math.min(...done.map(({ acknowledged }) => acknowledged), Infinity),
    complete: done.length === results.length && done.every(({ complete }) => complete),
  };
}
