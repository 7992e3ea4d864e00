/**
 * The forms in which a planted word could be stored: plain, in a URL, in JSON, in hexadecimal, and in both
 * base64 variants at each of the three possible offsets.
 */
function formsOf(word: string): readonly string[] {
  const bytes = Buffer.from(word);
  const hex = bytes.toString("hex");
  const encoded = [0, 1, 2].flatMap((shift) => {
    const all = Buffer.concat([Buffer.alloc(shift), bytes]);
    // Without the characters that also hold bits of the neighbouring bytes.
    const [begin, end] = [Math.ceil((shift * 8) / 6), Math.floor((all.length * 8) / 6)];
    return [all.toString("base64").slice(begin, end), all.toString("base64url").slice(begin, end)];
  });
  return [
    ...new Set([
      word,
      encodeURIComponent(word),
      JSON.stringify(word).slice(1, -1),
      hex,
      hex.toUpperCase(),
      ...encoded,
    ]),
  ];
}

/** Finds the words, by name, that occur in `text` in some form. Returns each with its surroundings. */
export function found(words: Readonly<Record<string, string>>, text: string): string[] {
  return Object.entries(words).flatMap(([name, word]) => {
    const at = formsOf(word)
      .map((form) => text.indexOf(form))
      .find((index) => index !== -1);
    return at === undefined ? [] : [`${name}: ${text.slice(Math.max(0, at - 100), at + 150)}`];
  });
}
