import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";

/**
 * Holds the prose to plain sentences: a sentence has a noun as its subject, and a text uses none of the words below.
 * A reader who knows the field's terms then needs no other ones.
 */

const root = join(import.meta.dirname, "../..");

/** Openings that stand in for the noun that a sentence is about; a question may have them. */
const HEADLESS =
  /^(?:What|Who|Whoever|Whose|Where|That|Those|One|Of)\b(?! (?:is|are|does|do|can|happens|to)\b.*\?)/;

const RIDDLE =
  /\b(?:whoever|whom|lest|thereof|(?:no|some|any|every)body|elsewhere|of wh(?:ich|om)|th(?:at|ose) of|as far as|be it|none of it|such as are|at the (?:most|least))\b/gi;

const MOST_HEADLESS_PERCENT = 1;
const MOST_RIDDLES_PER_1000_WORDS = 1;

function filesUnder(path: string): readonly string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:ts|js|md)$/.test(name) && !name.includes("node_modules"))
    .map((name) => join(path, name));
}

/** The paragraphs of a Markdown file without its code and tables, or the comments of a program. */
function paragraphsOf(file: string): readonly string[] {
  const text = readFileSync(file, "utf8");
  if (file.endsWith(".md")) {
    const prose = text.replaceAll(/```[\s\S]*?```/g, "").replaceAll(/^\|.*$/gm, "");
    return prose.split(/\n\s*\n/).map((paragraph) => paragraph.replaceAll(/^[#>*\-\s]+/gm, ""));
  }
  const comments = text.matchAll(/\/\*\*?([\s\S]*?)\*\/|(?:^|\s)\/\/[ \t]?(.*(?:\n[ \t]*\/\/.*)*)/gm);
  return Array.from(comments, ([, block = "", lines = ""]) =>
    `${block}${lines}`.replaceAll(/^[ \t]*(?:\*|\/\/)[ \t]?/gm, ""),
  );
}

function sentencesOf(file: string): readonly string[] {
  return paragraphsOf(file)
    .map((paragraph) => paragraph.replaceAll(/`[^`]*`/g, "code").replaceAll(/\s+/g, " "))
    .flatMap((paragraph) => paragraph.trim().split(/(?<=[.!?:;])\s+(?=["'(]?[A-Za-z])/))
    .filter((sentence) => sentence.split(" ").length >= 3);
}

for (const path of ["src", "test", "docs", "README.md", "CONTRIBUTING.md"]) {
  t.test(`${path} has plain sentences`, async (t) => {
    const sentences = filesUnder(join(root, path)).flatMap((file) => sentencesOf(file));
    const words = sentences.reduce((sum, sentence) => sum + sentence.split(" ").length, 0);
    const headless = sentences.filter((sentence) => HEADLESS.test(sentence));
    const riddles = sentences.flatMap((sentence) => sentence.match(RIDDLE) ?? []);
    t.ok(sentences.length > 10, "there are sentences");
    t.ok(
      (100 * headless.length) / sentences.length < MOST_HEADLESS_PERCENT,
      `${headless.length} of ${sentences.length} sentences have no noun for a subject`,
      { headless: headless.slice(0, 20) },
    );
    t.ok(
      (1000 * riddles.length) / words < MOST_RIDDLES_PER_1000_WORDS,
      `${riddles.length} of ${words} words are riddles`,
      { riddles: riddles.slice(0, 20) },
    );
  });
}
