import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Cache } from "../cache/cache.ts";
import { BatchCoalescer } from "../core/async/batch-coalescer.ts";
import { FOREVER } from "../core/async/cancellation.ts";
import type { InvalidationReason } from "../core/cache-events.ts";
import type { Clock } from "../core/clock.ts";
import { valuesOf } from "../core/headers.ts";
import type { Cms, LookupKind, NativeRequest } from "../core/ports.ts";
import type { Writes } from "../core/writes.ts";
import type { Settle } from "../http/proxy/options.ts";

/** RFC 9110, section 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** The interval between invalidations that unknown senders cause, in milliseconds: each costs a lookup for every key in use. */
const UNKNOWN_SENDERS_MS = 5_000;

interface Invalidation {
  readonly kinds: readonly LookupKind[];
  readonly reason: InvalidationReason;
}

export interface NativeInvalidationDeps {
  readonly cms: Pick<Cms, "writesTo" | "knowsSender">;
  readonly cache: Pick<Cache, "invalidate">;
  readonly clock: Clock;
  /** Told of each native write, so that reads before and after it are not shared. */
  readonly writes: Writes;
}

/**
 * Invalidates facts before the answer to a native request is delivered, if the request may have changed them: at once for a
 * user of the CMS, and for any other sender if no other one caused an invalidation just before. A later one of theirs waits
 * for the interval, and its answer does not wait: otherwise an unknown sender would decide how often keys are looked up.
 */
export function createNativeInvalidation({
  cms,
  cache,
  clock,
  writes,
}: NativeInvalidationDeps): (request: NativeRequest) => Settle | undefined {
  const senders = new Senders(cms, clock);
  const ofUnknown = new BatchCoalescer<Invalidation, unknown>(
    (batch) => {
      const isUncertain = batch.some(({ reason }) => reason === "uncertain");
      const kinds = [...new Set(batch.flatMap((one) => one.kinds))];
      return cache.invalidate(kinds, isUncertain ? "uncertain" : "write");
    },
    () => new Promise((resolve) => void clock.after(UNKNOWN_SENDERS_MS, resolve)),
  );
  return (request) => {
    const kinds = cms.writesTo(request);
    if (kinds.length === 0 && SAFE.has(request.method)) return undefined;
    const end = writes.begin();
    let isAwaited = false;
    return async (outcome, isWhole) => {
      if (isWhole) end();
      if (outcome === "refused" || kinds.length === 0) return;
      const reason = outcome === "settled" ? "write" : "uncertain";
      // The end of an answer is awaited if its beginning was: the CMS may have changed more in between.
      if (isAwaited || (await senders.knows(request))) {
        await cache.invalidate(kinds, reason);
        return;
      }
      isAwaited = ofUnknown.isAtRest;
      const invalidated = ofUnknown.join({ kinds, reason });
      if (isAwaited) await invalidated;
    };
  };
}

/** The time for which a sender counts as known without another lookup, in milliseconds, and the most known senders. */
const KNOWN_MS = 600_000;
const MOST = 1_000;

/** The longest that the answer to a write waits for the CMS to identify the sender, in milliseconds. */
const LOOKUP_MS = 1_000;

/**
 * Distinguishes users of the CMS from other senders of native requests. It decides only how soon facts are invalidated after
 * a write, and no rights.
 */
class Senders {
  readonly #cms: Pick<Cms, "knowsSender">;
  readonly #clock: Clock;
  /** The time until which a sender is known, by the digest of its credentials. */
  readonly #known = new LRUCache<string, number>({ max: MOST });

  constructor(cms: Pick<Cms, "knowsSender">, clock: Clock) {
    this.#cms = cms;
    this.#clock = clock;
  }

  /** True if the CMS says that the sender is one of its users; false also if it does not answer in time. */
  async knows(request: NativeRequest): Promise<boolean> {
    const name = digestOf(request);
    if ((this.#known.get(name) ?? -Infinity) > this.#clock.now()) return true;
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#clock.after(LOOKUP_MS, () => resolve(false));
    const isKnown = await Promise.race([this.#lookUp(request), late]);
    cancel();
    if (isKnown) this.#known.set(name, this.#clock.now() + KNOWN_MS);
    return isKnown;
  }

  /** Looks the sender up with the limits of an unknown key: any client can cause this lookup. */
  #lookUp(request: NativeRequest): Promise<boolean> {
    const note = { stage: "native", upstreamRequests: 0, upstreamMs: 0 };
    const asking = { requestId: "native", signal: FOREVER, note, isUnknownKey: true };
    return this.#cms.knowsSender(request, asking).catch(() => false);
  }
}

function digestOf({ rawHeaders }: NativeRequest): string {
  const credentials = ["authorization", "cookie"].map((name) => valuesOf(rawHeaders, name));
  return hash("sha256", JSON.stringify(credentials), "base64url");
}
