/**
 * Questions to be put afresh. Of one name one is under way, and one waits for all who came meanwhile: an answer that was
 * under way already may be from before what makes them ask.
 */
export class Afresh<T> {
  readonly #underWay = new Map<string, Promise<T>>();
  readonly #waiting = new Map<string, Promise<T>>();

  /** What a question that begins from now on resolves with: `question`, or another's of that name. */
  ask(name: string, question: () => Promise<T>): Promise<T> {
    const waiting = this.#waiting.get(name);
    if (waiting !== undefined) return waiting;
    const before = this.#underWay.get(name);
    if (before === undefined) return this.#begin(name, question);
    const begin = (): Promise<T> => {
      this.#waiting.delete(name);
      return this.#begin(name, question);
    };
    const next = before.then(begin, begin);
    this.#waiting.set(name, next);
    return next;
  }

  #begin(name: string, question: () => Promise<T>): Promise<T> {
    const asked = question().finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, asked);
    return asked;
  }
}
