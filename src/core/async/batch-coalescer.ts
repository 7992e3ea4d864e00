/**
 * Combines concurrent calls into batches: one batch is in flight, and one collects the calls made meanwhile.
 * A call during a batch needs the next one, because the state may have changed after the batch began.
 */
export class BatchCoalescer<Wish, Result> {
  readonly #carryOut: (wishes: readonly Wish[]) => Promise<Result>;
  readonly #rest: (() => Promise<void>) | undefined;
  #current: Promise<unknown> = Promise.resolve();
  #isAtRest = true;
  #next: { readonly wishes: Wish[]; readonly done: Promise<Result> } | undefined;

  /** `carryOut` executes a batch and must not reject. The next batch waits for `rest` after it. */
  constructor(carryOut: (wishes: readonly Wish[]) => Promise<Result>, rest?: () => Promise<void>) {
    this.#carryOut = carryOut;
    this.#rest = rest;
  }

  /** True if the next call starts a batch at once: neither a batch nor its `rest` is in flight. */
  get isAtRest(): boolean {
    return this.#isAtRest;
  }

  /** Adds to the next batch, which starts after this call, and resolves with its result. */
  join(wish: Wish): Promise<Result> {
    if (this.#next !== undefined) {
      this.#next.wishes.push(wish);
      return this.#next.done;
    }
    const wishes = [wish];
    this.#isAtRest = false;
    const done = this.#current.then(() => {
      this.#next = undefined;
      const current = this.#carryOut(wishes);
      const over = this.#rest === undefined ? current : current.then(this.#rest);
      this.#current = over.finally(() => (this.#isAtRest = this.#next === undefined));
      return current;
    });
    this.#next = { wishes, done };
    return done;
  }
}
