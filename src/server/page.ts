import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A file of the status page, ready to be sent. */
export interface PageFile {
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** The files of the status page. The browser runs them unchanged, and `npm run build` copies them. */
const FILES = [
  "status.html",
  "status.css",
  "main.js",
  "charts.js",
  "dom.js",
  "isolation.js",
  "sections.js",
  "tables.js",
  "words.js",
];

/**
 * Restricts the page to its own files and its own events: no inline script or style, no framing. If a text is
 * rendered as markup after all, it can run nothing and contact no other host.
 */
const PAGE_HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** Returns the page's files by their request path. Throws if one is missing from the installation. */
export function readPage(): ReadonlyMap<string, PageFile> {
  return new Map(
    FILES.map((name) => {
      const body = readFileSync(join(import.meta.dirname, "page", name), "utf8");
      const contentType = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "";
      return [name === "status.html" ? "/" : `/${name}`, { contentType, body, headers: PAGE_HEADERS }];
    }),
  );
}
