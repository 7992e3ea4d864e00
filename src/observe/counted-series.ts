type Labels = Readonly<Record<string, string>>;

/** A node of the label tree: the count of its own label row, and the rows that begin with it. */
class Branch {
  readonly branches = new Map<string, Branch>();
  labels: Labels | undefined;
  count = 0;
}

/**
 * Counts by labels, buffered until the next scrape. prom-client builds a text from all labels at every count,
 * and that is most of the cost of metrics per request. Here each label is a step in a tree, and the texts are
 * built once per scrape.
 */
export class CountedSeries {
  readonly #names: readonly string[];
  readonly #root = new Branch();

  /** Creates the buffer. `names` are the labels that every count has. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }

  add(labels: Labels, by: number): void {
    let at = this.#root;
    for (const name of this.#names) {
      const value = labels[name] ?? "";
      let next = at.branches.get(value);
      if (next === undefined) {
        next = new Branch();
        at.branches.set(value, next);
      }
      at = next;
    }
    at.labels ??= labels;
    at.count += by;
  }

  /** Passes the counts since the last call to `take` and resets them. */
  drain(take: (labels: Labels, by: number) => void): void {
    drainBranch(this.#root, take);
  }
}

function drainBranch(branch: Branch, take: (labels: Labels, by: number) => void): void {
  if (branch.count > 0 && branch.labels !== undefined) take(branch.labels, branch.count);
  branch.count = 0;
  for (const next of branch.branches.values()) drainBranch(next, take);
}
