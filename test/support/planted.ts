/**
 * A planted word in the forms in which it could be kept: as it is, in a URL, in a JSON text, in hexadecimal, and in
 * either base64 at each of the three places where it can begin within what is encoded.
 */
function formsOf(word: string): readonly string[] {
  const bytes = Buffer.from(word);
  const hex = bytes.toString("hex");
  const encoded = [0, 1, 2].flatMap((shift) => {
    const all = Buffer.concat([Buffer.alloc(shift), bytes]);
    // Without the characters that hold bits of the neighbours as well.
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

/** Of the words, by their names, those that occur in `text` in some form, with what stands around them. */
export function found(words: Readonly<Record<string, string>>, text: string): string[] {
  return Object.entries(words).flatMap(([name, word]) => {
    const at = formsOf(word)
      .map((form) => text.indexOf(form))
      .find((index) => index !== -1);
    return at === undefined ? [] : [`${name}: ${text.slice(Math.max(0, at - 100), at + 150)}`];
  });
}
