/**
 * Returns a function that keeps the first `size` names and maps later ones to `other`. Unbounded labels would
 * exhaust the memory.
 */
export function closedSet(size: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= size) return "other";
    known.add(name);
    return name;
  };
}

/**
 * Does the same for pairs: keeps the first `size` firsts and, for each, the first `each` seconds. Later ones
 * become `other`.
 */
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
