/**
 * The writes of this process that are in flight, to all CMSs together, because two CMSs may share a database.
 * A write commits at an unknown time between its sending and its answer.
 */
export class Writes {
  #underWay = 0;
  #epoch = 0;

  /**
   * A number that changes with every write: two reads that began in one epoch find the same state.
   * `undefined` while a write is in flight: of two reads, one may find the state before it and the other the
   * state after it.
   */
  get epoch(): number | undefined {
    return this.#underWay === 0 ? this.#epoch : undefined;
  }

  /** Starts a write. Call the returned function when its outcome is known; further calls have no effect. */
  begin(): () => void {
    let isOver = false;
    this.#underWay += 1;
    this.#epoch += 1;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#underWay -= 1;
    };
  }
}
