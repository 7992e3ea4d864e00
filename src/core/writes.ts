/**
 * The writes of this process that are under way, to whatever CMS: two of them may share a database. When a write commits
 * is not known, only that it does so between its sending and its answer.
 */
export class Writes {
  #underWay = 0;
  #epoch = 0;

  /**
   * The time since the last write, as a number of its own: two reads that began in one epoch found the same state.
   * `undefined` while a write is under way: one of two reads may find the state before it, the other the one behind it.
   */
  get epoch(): number | undefined {
    return this.#underWay === 0 ? this.#epoch : undefined;
  }

  /** A write is about to be sent. Call what it returns when the outcome is known, whatever it is; again has no effect. */
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
