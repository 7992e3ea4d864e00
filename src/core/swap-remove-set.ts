/** A member of a `SwapRemoveSet`. */
export interface Member {
  /** The index of the member; only the set writes it. */
  place: number;
}

/**
 * An unordered set whose members change with every request. A JavaScript Set would be reallocated again and
 * again, and V8's old tables keep their entries alive until the next full collection.
 */
export class SwapRemoveSet<T extends Member> {
  readonly #members: T[] = [];

  /** Adds a member that is in no other set. */
  add(member: T): void {
    member.place = this.#members.push(member) - 1;
  }

  /** Removes a member, if it is in this set. */
  delete(member: T): void {
    if (this.#members[member.place] !== member) return;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[member.place] = last;
    last.place = member.place;
  }

  /** Returns a copy of the present members, so that they may be removed during iteration. */
  all(): readonly T[] {
    return [...this.#members];
  }
}
