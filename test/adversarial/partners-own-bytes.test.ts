// Attack: hide something in a list that the gateway passes on without writing it anew.
// Amplifier: most lists leave in the CMS's own bytes, since writing them costs as much as reading them.
// Defence: every record is looked at as ever, and one thing taken out, replaced or renamed anywhere has all written anew.
import tap from "tap";

import { translated } from "../support/translated.ts";

const COUNTS = { totalDocs: 1, limit: 10, totalPages: 1, page: 1, pagingCounter: 1 };
const ENDS = { hasPrevPage: false, hasNextPage: false, prevPage: null, nextPage: null };
const OWN = { id: 1, tenant: 1, title: "caf\u00e9" };

/** A list's text with its records as no JSON.stringify would write them, so that what was written anew shows. */
function spaced(docs: readonly unknown[], more: object = {}): string {
  const records = JSON.stringify(docs).replaceAll(":", " : ");
  return `{"docs":${records},${JSON.stringify({ ...ENDS, ...COUNTS, ...more }).slice(1)}`;
}

const given = (text: string | Buffer): string => translated("list", Buffer.from(text));
const MEMBERS = ["docs", ...Object.keys(COUNTS), ...Object.keys(ENDS)];

await tap.test("records leave in the CMS's own bytes where nothing in them had to change", (t) => {
  for (const text of [spaced([OWN]), spaced([OWN, { ...OWN, id: 2 }]), spaced([])]) {
    t.ok(given(text).includes(text.slice(8, text.lastIndexOf("]") + 1)), "its records");
    t.strictSame(JSON.parse(given(text)), JSON.parse(text));
    t.strictSame(Object.keys(JSON.parse(given(text))), MEMBERS, "in the order that partners know");
  }
  t.end();
});

await tap.test("and only there: else the whole list is written anew, by the same words", (t) => {
  const anew = {
    "a secret": spaced([OWN, { ...OWN, hash: "s" }]),
    "a secret within": spaced([{ ...OWN, layout: [{ id: "a", blockType: "b", salt: "s" }] }]),
    "a foreign relation": spaced([{ ...OWN, venue: { id: 7, tenant: 2 } }]),
    "the tenant as a record": spaced([{ ...OWN, tenant: { id: 1, slug: "tenant-a" } }]),
    "a row that is no record": spaced([OWN, 7]),
    "members in another order": JSON.stringify({ ...ENDS, docs: [OWN], ...COUNTS }).replace(":[", ": ["),
  };
  for (const [what, text] of Object.entries(anew)) {
    t.notMatch(given(text), / : |: \[/, what);
    t.strictSame(Object.keys(JSON.parse(given(text))), MEMBERS, what);
  }
  t.equal(given(JSON.stringify(JSON.parse(spaced([OWN])))), given(spaced([OWN])).replaceAll(" : ", ":"));
  t.end();
});

await tap.test("a member too many is left out, with the records as they are", (t) => {
  t.strictSame(Object.keys(JSON.parse(given(spaced([OWN], { hint: "s" })))), MEMBERS);
  t.end();
});

await tap.test("bytes that are no UTF-8 do not leave as they are", (t) => {
  const bytes = Buffer.from(spaced([{ ...OWN, title: "?" }]));
  bytes[bytes.indexOf("?")] = 0xff;
  t.match(JSON.parse(given(bytes)), { docs: [{ title: "\ufffd" }] });
  t.end();
});
