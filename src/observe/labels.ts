/** The first `size` names keep their own label, later ones become `other`: labels that grow eat the process. */
export function closedSet(size: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= size) return "other";
    known.add(name);
    return name;
  };
}

/** Pairs of names: the first `size` firsts keep their label, and of each the first `each` seconds. Later ones become `other`. */
export function closedPairs(
  size: number,
  each: number,
): (first: string, second: string) => readonly [string, string] {
  const firsts = closedSet(size);
  const seconds = new Map<string, (name: string) => string>();
  return (first, second) => {
    const label = firsts(first);
    const known = seconds.get(label) ?? closedSet(each);
    seconds.set(label, known);
    return [label, known(second)];
  };
}
