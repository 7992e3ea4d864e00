import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import type { Tier } from "../core/access-log.ts";
import type { LookupKind } from "../core/ports.ts";
import type { BreachEntry, Build, RefusalEntry, Use, WithheldEntry } from "../core/status.ts";
import type { Events, NativeRefusalEvent, RequestSample } from "./events.ts";
import { Entries } from "./isolation.ts";
import { Latency } from "./latency.ts";
import { reasonOf, Refusals, statusOf } from "./refusals.ts";
import { NAMES, SLOT_MS, type Heard, type HeardSlot } from "./snapshot.ts";
import { outcomeOf, Counters } from "./counters.ts";
import { Window } from "./window.ts";

/** The dependencies of the status page, besides events. */
export interface StatusOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallTime: () => number;
  readonly build: Build;
}

/** An event listener that keeps the state for the status page. */
export interface Status extends Partial<Events> {
  /** Returns the state, for `snapshotOf`. */
  heard(): Heard;
}

const SLOTS = 180;
const USES = 200;

interface Tallies {
  readonly slots: Window<HeardSlot>;
  readonly tenants: Counters;
  readonly versions: Counters;
  readonly uses: LRUCache<string, Use>;
  readonly breaches: Entries<BreachEntry>;
  readonly withheld: Entries<WithheldEntry>;
  readonly refusals: Refusals;
}

/** Creates the state of the last 15 minutes, in bounded memory (about 200 kB). */
export function createStatus(options: StatusOptions): Status {
  const { clock, wallTime, build } = options;
  const tallies: Tallies = {
    slots: new Window({ slots: SLOTS, slot: SLOT_MS, clock, empty: emptySlot }),
    tenants: new Counters(NAMES.tenants, clock),
    versions: new Counters(NAMES.versions, clock),
    uses: new LRUCache({ max: USES }),
    breaches: new Entries(),
    withheld: new Entries(),
    refusals: new Refusals(),
  };
  const started = wallTime();
  return {
    request(sample) {
      count(tallies, sample);
      noteUse(tallies.uses, sample, wallTime());
      const { code } = sample.note;
      if (code !== undefined) tallies.refusals.add(entryOf(sample, code, wallTime()));
    },
    isolation: (breach) => tallies.breaches.add({ ...breach, seen: wallTime() }),
    withheld: (values) => tallies.withheld.add({ ...values, seen: wallTime() }),
    refused: (refusal) => tallies.refusals.add(entryOfRefusal(refusal, wallTime())),
    native(status) {
      const { counts } = tallies.slots.now;
      counts.native += 1;
      if (status >= 500) counts.nativeFailed += 1;
    },
    heard: () => ({
      at: wallTime(),
      started,
      build,
      slots: tallies.slots.all(),
      tenants: tallies.tenants.rows(),
      versions: tallies.versions.rows(),
      uses: [...tallies.uses.values()],
      breaches: tallies.breaches.latest(),
      withheld: tallies.withheld.latest(),
      refusals: tallies.refusals.latest(),
    }),
  };
}

function emptySlot(): HeardSlot {
  const counts = { answered: 0, refused: 0, failed: 0, native: 0, nativeFailed: 0 };
  return { counts, latency: new Latency(), tiers: new Map() };
}

function count({ slots, tenants, versions }: Tallies, { status, ms, note }: RequestSample): void {
  const outcome = outcomeOf(status);
  const slot = slots.now;
  slot.counts[outcome] += 1;
  slot.latency.add(ms);
  tenants.add(note.tenant ?? "none", outcome);
  versions.add(note.version ?? "none", outcome);
  countTier(slot.tiers, "keys", note.keyVia);
  countTier(slot.tiers, "tenants", note.tenantVia);
}

function countTier(tiers: HeardSlot["tiers"], fact: LookupKind, via: Tier | undefined): void {
  if (via === undefined) return;
  const name = `${fact} ${via}`;
  tiers.set(name, (tiers.get(name) ?? 0) + 1);
}

/** Counts requests by user and version, so that the users of an ending version can be told. */
function noteUse(uses: Tallies["uses"], { note }: RequestSample, seen: number): void {
  const { userId, version, tenant = "" } = note;
  if (userId === undefined || version === undefined) return;
  const name = `${version} ${String(userId)}`;
  const requests = (uses.get(name)?.requests ?? 0) + 1;
  uses.set(name, { userId: String(userId), version, tenant, requests, seen });
}

function entryOf({ requestId, method, status, note }: RequestSample, code: RefusalEntry["code"], at: number) {
  const { clientRequestId, stage, userId, tenant, version, operation, collection, cause } = note;
  const what = collection === undefined ? undefined : `${operation ?? method} ${collection}`;
  const who = { userId: userId === undefined ? undefined : String(userId), tenant, version, what };
  return { at, requestId, clientRequestId, method, status, code, stage, ...who, reason: reasonOf(cause) };
}

function entryOfRefusal({ requestId, method, stage, error }: NativeRefusalEvent, at: number): RefusalEntry {
  const { code, cause } = error;
  return { at, requestId, method, status: statusOf(code), code, stage, reason: reasonOf(cause) };
}
