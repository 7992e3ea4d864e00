import type { Samples } from "../../observe/metrics.ts";
import { addUp, countsOf } from "../../observe/samples.ts";

/**
 * What workers have counted, those included that have ended or are silent, as far as they told. A sum that falls because
 * a worker is gone would look like a restart of all (Prometheus, `rate`), and as if all had been counted once more.
 */
export class Ledger<Hand extends object> {
  readonly #last = new Map<Hand, Samples>();
  readonly #closed = new WeakSet<Hand>();
  #gone: Promise<Samples> = Promise.resolve([]);

  /**
   * The entries of a page, by what each worker told or did not tell. Of one that has ended since it told, what it had
   * told before is among the ended ones' already.
   */
  async entries(told: ReadonlyMap<Hand, Samples | undefined>): Promise<Samples[]> {
    const gone = this.#gone;
    const entries: Samples[] = [];
    for (const [hand, samples] of told) {
      if (this.#closed.has(hand)) continue;
      if (samples !== undefined) this.#last.set(hand, samples);
      entries.push(samples ?? countsOf(this.#last.get(hand) ?? []));
    }
    return [await gone, ...entries];
  }

  /** A worker has ended. */
  close(hand: Hand): void {
    const last = countsOf(this.#last.get(hand) ?? []);
    this.#last.delete(hand);
    this.#closed.add(hand);
    this.#gone = this.#gone.then((gone) => addUp([gone, last]));
  }
}
