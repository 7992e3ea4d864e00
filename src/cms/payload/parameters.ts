import type { Selection } from "./selection.ts";

/** Builds a query string. Each name and value is encoded on its own. */
export class Parameters {
  readonly #parts: string[] = [];

  add(name: string, value: string): void {
    this.#parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  }

  addTree(name: string, tree: Selection): void {
    for (const [key, value] of Object.entries(tree)) {
      if (typeof value === "boolean") this.add(`${name}[${key}]`, String(value));
      else this.addTree(`${name}[${key}]`, value);
    }
  }

  toString(): string {
    return this.#parts.join("&");
  }
}
