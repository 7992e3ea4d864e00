type Labels = Readonly<Record<string, string>>;

/** What was counted under one row of labels, and the rows that begin with it. */
class Branch {
  readonly branches = new Map<string, Branch>();
  labels: Labels | undefined;
  count = 0;
}

/**
 * Counts by labels that have not been handed on yet. prom-client makes a text of all labels at every count, which on a
 * request's way is most of what its metrics cost; here each label is a step in a tree, and texts are made once a scrape.
 */
export class CountedSeries {
  readonly #names: readonly string[];
  readonly #root = new Branch();

  /** `names` are the labels that every count has. */
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

  /** Tells `take` what was counted since it was last told. */
  drain(take: (labels: Labels, by: number) => void): void {
    drainBranch(this.#root, take);
  }
}

function drainBranch(branch: Branch, take: (labels: Labels, by: number) => void): void {
  if (branch.count > 0 && branch.labels !== undefined) take(branch.labels, branch.count);
  branch.count = 0;
  for (const next of branch.branches.values()) drainBranch(next, take);
}
