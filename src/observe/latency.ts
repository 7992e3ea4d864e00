/** Upper bounds in milliseconds, each a quarter above the last: 0.5 ms to about a minute, to within a quarter. */
const BOUNDS: readonly number[] = Array.from({ length: 54 }, (_, i) => 0.5 * 1.25 ** i);

/** Durations of a while, as counts in steps: percentiles in constant memory. */
export class Latency {
  /** How many durations there were of each step. */
  readonly #counts = new Uint32Array(BOUNDS.length + 1);
  #total = 0;

  /** Adds a duration in milliseconds. */
  add(ms: number): void {
    const step = ms <= 0.5 ? 0 : Math.min(BOUNDS.length, Math.ceil(Math.log(ms / 0.5) / Math.log(1.25)));
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#total += 1;
  }

  /** The duration in milliseconds that `share` (0 to 1) of all stayed below; `null` where there were none. */
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

/** A point within a step, as if its durations were spread evenly; rounded to what is worth sending. */
function within(step: number, part: number): number {
  const top = BOUNDS[step] ?? (BOUNDS.at(-1) ?? 0) * 1.25;
  const bottom = BOUNDS[step - 1] ?? 0;
  return Math.round((bottom + (top - bottom) * part) * 10) / 10;
}
