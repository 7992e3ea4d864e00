/**
 * Upper bounds in milliseconds, each 25% above the previous: 0.5 ms to about a minute. So a percentile is
 * accurate to within 25%.
 */
const BOUNDS: readonly number[] = Array.from({ length: 54 }, (_, i) => 0.5 * 1.25 ** i);

/** A histogram of durations: percentiles in constant memory. */
export class Latency {
  /** The number of durations in each bucket. */
  readonly #counts = new Uint32Array(BOUNDS.length + 1);
  #total = 0;

  /** Adds a duration in milliseconds. */
  add(ms: number): void {
    const step = ms <= 0.5 ? 0 : Math.min(BOUNDS.length, Math.ceil(Math.log(ms / 0.5) / Math.log(1.25)));
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#total += 1;
  }

  /**
   * Returns the duration in milliseconds that `share` (0 to 1) of all durations stayed below; `null` if there
   * are none.
   */
  percentile(share: number): number | null {
    if (this.#total === 0) return null;
    const wanted = share * this.#total;
    let below = 0;
    for (const [step, count] of this.#counts.entries()) {
      if (below + count >= wanted && count > 0) return within(step, (wanted - below) / count);
      below += count;
    }
    return BOUNDS.at(-1) ?? null;
  }
}

/** Interpolates linearly within a bucket and rounds to 0.1 ms. */
function within(step: number, part: number): number {
  const top = BOUNDS[step] ?? (BOUNDS.at(-1) ?? 0) * 1.25;
  const bottom = BOUNDS[step - 1] ?? 0;
  return Math.round((bottom + (top - bottom) * part) * 10) / 10;
}
