import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { DOOR_MUTANTS } from "./door-mutants.ts";
import { READ_MUTANTS } from "./read-mutants.ts";
import { WRITE_MUTANTS } from "./write-mutants.ts";

/**
 * Preloaded (`node --import`) into a gateway: replaces the text of the mutant in the environment as its files
 * are loaded. The files on disk stay unchanged.
 */
const mutant = [...DOOR_MUTANTS, ...READ_MUTANTS, ...WRITE_MUTANTS].find(
  ({ name }) => name === process.env["MUTANT"],
);
if (mutant === undefined) throw new Error(`there is no mutant ${process.env["MUTANT"]}`);
const src = join(import.meta.dirname, "../../src");
const patches = mutant.patches.map((patch) => ({ ...patch, url: pathToFileURL(join(src, patch.file)).href }));

registerHooks({
  load(url, context, nextLoad) {
    const mine = patches.filter((patch) => patch.url === url);
    const loaded = nextLoad(url, context);
    if (mine.length === 0) return loaded;
    let source = textOf(loaded.source);
    for (const { file, find, replace } of mine) {
      if (source.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`);
      source = source.replace(find, () => replace);
    }
    return { ...loaded, source };
  },
});

function textOf(source: string | ArrayBuffer | NodeJS.TypedArray | undefined | null): string {
  if (typeof source === "string") return source;
  if (source === undefined || source === null) throw new Error("a module without source");
  return new TextDecoder().decode(source);
}
