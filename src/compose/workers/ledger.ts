import type { Samples } from "../../observe/metrics.ts";
import { addUp, countsOf } from "../../observe/samples.ts";
import type { Hand } from "./hand.ts";

/**
 * What workers have counted, those included that have ended or are silent, as far as they told. A sum that falls because
 * a worker is gone would look like a restart of all (Prometheus, `rate`), and as if all had been counted once more.
 */
export class Ledger {
  readonly #last = new Map<Hand, Samples>();
  #gone: Promise<Samples> = Promise.resolve([]);

  /** The entries of a page, by what each worker told or did not tell. */
  async entries(told: ReadonlyMap<Hand, Samples | undefined>): Promise<Samples[]> {
    const entries = [await this.#gone];
    for (const [hand, samples] of told) {
      if (samples !== undefined) this.#last.set(hand, samples);
      entries.push(samples ?? countsOf(this.#last.get(hand) ?? []));
    }
    return entries;
  }

  /** A worker has ended. */
  close(hand: Hand): void {
    const last = countsOf(this.#last.get(hand) ?? []);
    this.#last.delete(hand);
    this.#gone = this.#gone.then((gone) => addUp([gone, last]));
  }
}
