/** What a misspelt word most likely meant, or else all that there is, as the end of a sentence. */
export function suggestion(word: string, known: readonly string[], prefix = ""): string {
  const best = nearestTo(word, known);
  return best !== undefined
    ? `; did you mean ${prefix}${best}?`
    : `; known are ${known.map((name) => prefix + name).join(", ")}`;
}

/** The known word that `word` is most likely a misspelling of. */
export function nearestTo(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((name) => ({ name, far: distance(name.toLowerCase(), word.toLowerCase()) }))
    .toSorted((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(2, word.length / 3) ? best.name : undefined;
}

/** Levenshtein's distance. */
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
