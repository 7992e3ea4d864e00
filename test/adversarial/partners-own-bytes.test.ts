// Attack: data hidden in a list that the gateway forwards without serialising it anew.
// Amplifier: most lists are forwarded in the CMS's own bytes, since serialising costs as much as parsing.
// Defence: the gateway still checks every record. If it removes, replaces or renames anything, it serialises
// the whole list anew.
import tap from "tap";

import { translated } from "../support/translated.ts";

const COUNTS = { totalDocs: 1, limit: 10, totalPages: 1, page: 1, pagingCounter: 1 };
const ENDS = { hasPrevPage: false, hasNextPage: false, prevPage: null, nextPage: null };
const OWN = { id: 1, tenant: 1, title: "caf\u00e9" };

/**
 * A list's text with its records as JSON.stringify would not write them, so that a list serialised anew is
 * visible.
 */
function spaced(docs: readonly unknown[], more: object = {}): string {
  const records = JSON.stringify(docs).replaceAll(":", " : ");
  return `{"docs":${records},${JSON.stringify({ ...ENDS, ...COUNTS, ...more }).slice(1)}`;
}

const given = (text: string | Buffer): string => translated("list", Buffer.from(text));
const MEMBERS = ["docs", ...Object.keys(COUNTS), ...Object.keys(ENDS)];

await tap.test("forwards the CMS's bytes if nothing in the records had to change", (t) => {
  for (const text of [spaced([OWN]), spaced([OWN, { ...OWN, id: 2 }]), spaced([])]) {
    t.ok(given(text).includes(text.slice(8, text.lastIndexOf("]") + 1)), "its records");
    t.strictSame(JSON.parse(given(text)), JSON.parse(text));
    t.strictSame(Object.keys(JSON.parse(given(text))), MEMBERS, "in the documented order");
  }
  t.end();
});

await tap.test("serialises the whole list anew if anything had to change", (t) => {
  const anew = {
    "a secret": spaced([OWN, { ...OWN, hash: "s" }]),
    "a secret within": spaced([{ ...OWN, layout: [{ id: "a", blockType: "b", salt: "s" }] }]),
    "another tenant's relation": spaced([{ ...OWN, venue: { id: 7, tenant: 2 } }]),
    "the tenant as a record": spaced([{ ...OWN, tenant: { id: 1, slug: "tenant-a" } }]),
    "a row that is not a record": spaced([OWN, 7]),
    "members in another order": JSON.stringify({ ...ENDS, docs: [OWN], ...COUNTS }).replace(":[", ": ["),
  };
  for (const [what, text] of Object.entries(anew)) {
    t.notMatch(given(text), / : |: \[/, what);
    t.strictSame(Object.keys(JSON.parse(given(text))), MEMBERS, what);
  }
  t.equal(given(JSON.stringify(JSON.parse(spaced([OWN])))), given(spaced([OWN])).replaceAll(" : ", ":"));
  t.end();
});

await tap.test("omits an unknown member and keeps the records' bytes", (t) => {
  t.strictSame(Object.keys(JSON.parse(given(spaced([OWN], { hint: "s" })))), MEMBERS);
  t.end();
});

await tap.test("does not forward bytes that are not UTF-8 unchanged", (t) => {
  const bytes = Buffer.from(spaced([{ ...OWN, title: "?" }]));
  bytes[bytes.indexOf("?")] = 0xff;
  t.match(JSON.parse(given(bytes)), { docs: [{ title: "\ufffd" }] });
  t.end();
});
