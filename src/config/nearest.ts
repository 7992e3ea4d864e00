/** Returns the end of a sentence that suggests the most similar word, or lists all known words. */
export function suggestion(word: string, known: readonly string[], prefix = ""): string {
  const best = nearestTo(word, known);
  return best !== undefined
    ? `; did you mean ${prefix}${best}?`
    : `; known are ${known.map((name) => prefix + name).join(", ")}`;
}

/** Returns the known word that is most similar to `word`, if it is similar enough to be a misspelling. */
export function nearestTo(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((name) => ({ name, far: distance(name.toLowerCase(), word.toLowerCase()) }))
    .toSorted((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(2, word.length / 3) ? best.name : undefined;
}

/** Returns the Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitution));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
