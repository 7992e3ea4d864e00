/** A place in a `SwapRemoveSet`, kept by whoever stands there. */
export interface Member {
  /** Where in the crowd; the crowd's to write. */
  place: number;
}

/**
 * Who is there at the moment, in no order. For what comes and goes with every request: a Set whose members change all the
 * time is copied again and again, and V8's dead copies keep alive what stood in them, up to the next full collection.
 */
export class SwapRemoveSet<T extends Member> {
  readonly #members: T[] = [];

  /** Adds one who is in no crowd. */
  add(member: T): void {
    member.place = this.#members.push(member) - 1;
  }

  /** Removes one, if it is there. */
  delete(member: T): void {
    if (this.#members[member.place] !== member) return;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[member.place] = last;
    last.place = member.place;
  }

  /** Those who are there now, as a list of its own: they may leave while it is gone through. */
  all(): readonly T[] {
    return [...this.#members];
  }
}
