/**
 * Work that many ask for at once: one round is under way and one waits, with the wishes of all who came meanwhile.
 * Whoever comes while one is under way needs the next: what he wants done may have changed after that one began.
 */
export class BatchCoalescer<Wish, Result> {
  readonly #carryOut: (wishes: readonly Wish[]) => Promise<Result>;
  readonly #rest: (() => Promise<void>) | undefined;
  #current: Promise<unknown> = Promise.resolve();
  #isAtRest = true;
  #next: { readonly wishes: Wish[]; readonly done: Promise<Result> } | undefined;

  /** `carryOut` does what all of a round wish; it must not reject. The next round waits for `rest` after it. */
  constructor(carryOut: (wishes: readonly Wish[]) => Promise<Result>, rest?: () => Promise<void>) {
    this.#carryOut = carryOut;
    this.#rest = rest;
  }

  /** True where the next wish is carried out at once: no round is under way, nor its rest. */
  get isAtRest(): boolean {
    return this.#isAtRest;
  }

  /** Resolves when a round that began from now on is over. */
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
