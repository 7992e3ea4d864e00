import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Clock } from "../core/clock.ts";
import { valuesOf } from "../core/headers.ts";
import { FOREVER } from "../core/async/cancellation.ts";
import type { Cms, NativeRequest } from "../core/ports.ts";

/** How long a sender counts as known without another question, in milliseconds, and how many do. */
const KNOWN_MS = 600_000;
const MOST = 1_000;

/** The longest that the answer to a write waits for the CMS to say who the sender is. */
const PATIENCE_MS = 1_000;

/**
 * Tells users of the CMS from anybody else among those who send native requests. Only how soon their writes are followed
 * up depends on it, and nobody's rights.
 */
export class Senders {
  readonly #cms: Pick<Cms, "knowsSender">;
  readonly #clock: Clock;
  /** Until when a sender is known, by the digest of its credentials. */
  readonly #known = new LRUCache<string, number>({ max: MOST });

  constructor(cms: Pick<Cms, "knowsSender">, clock: Clock) {
    this.#cms = cms;
    this.#clock = clock;
  }

  /** True where the CMS says that the sender is one of its users; false also where it does not say so in time. */
  async knows(request: NativeRequest): Promise<boolean> {
    const name = digestOf(request);
    if ((this.#known.get(name) ?? -Infinity) > this.#clock.now()) return true;
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#clock.after(PATIENCE_MS, () => resolve(false));
    const isKnown = await Promise.race([this.#ask(request), late]);
    cancel();
    if (isKnown) this.#known.set(name, this.#clock.now() + KNOWN_MS);
    return isKnown;
  }

  /** Asks as about an unknown key: anybody can cause the question. */
  #ask(request: NativeRequest): Promise<boolean> {
    const note = { stage: "native", upstreamRequests: 0, upstreamMs: 0 };
    const asking = { requestId: "native", signal: FOREVER, note, isUnknownKey: true };
    return this.#cms.knowsSender(request, asking).catch(() => false);
  }
}

function digestOf({ rawHeaders }: NativeRequest): string {
  const credentials = ["authorization", "cookie"].map((name) => valuesOf(rawHeaders, name));
  return hash("sha256", JSON.stringify(credentials), "base64url");
}
