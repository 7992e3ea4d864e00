// Attack: any selection, id or path, and any record in a response of the CMS.
// Amplifier: each is a language in which one meaning has more spellings than a list can hold.
// Defence: the output of each parser obeys a rule that can be checked without knowledge of the input.
import * as fc from "fast-check";
import tap from "tap";

import { recordId } from "../../src/cms/payload/ids.ts";
import { isHidden, isInclusion, readSelect, showFields } from "../../src/cms/payload/selection.ts";
import { versionNames } from "../../src/cms/payload/names.ts";
import { payloadSettings } from "../../src/cms/payload/settings.ts";
import { RecordSanitiser } from "../../src/cms/payload/record-sanitiser.ts";
import { loadConfig } from "../../src/config/load.ts";
import { mint } from "../../src/core/brand.ts";
import type { Tenant } from "../../src/core/context.ts";
import { parseTarget } from "../../src/core/path.ts";
import { FIXTURE_SETTINGS, isJson, type Json } from "../support/isolation.ts";

const settings = payloadSettings(
  loadConfig({
    env: { UPSTREAM_URL: "http://cms.invalid", CONFIG_FILE: "settings" },
    readFile: () => JSON.stringify(FIXTURE_SETTINGS),
  }),
);
const RUNS = { numRuns: 2000 };

await tap.test("a selection names no secret, and always allows the gateway to select the tenant", (t) => {
  const fields = fc.dictionary(
    fc.constantFrom("tenant", "title", "location", "city", "apiKey", "hash"),
    tieSelect(2),
  );
  fc.assert(
    fc.property(fields, (raw) => {
      const selection = readSelect(raw, settings, "pages") ?? {};
      t.notMatch(JSON.stringify(selection), /apiKey|hash/);
      const shown = showFields(selection, ["tenant"]);
      const isSame = Object.keys(shown).length === 0 || isInclusion(shown) === isInclusion(selection);
      return isSame && (Object.keys(shown).length === 0 || !isHidden(shown, "tenant"));
    }),
    RUNS,
  );
  t.end();
});

/** The value of a `select` as qs parses it: the words, or nested ones. */
function tieSelect(depth: number): fc.Arbitrary<unknown> {
  const flag = fc.constantFrom("true", "false");
  return depth === 0
    ? flag
    : fc.oneof(flag, fc.dictionary(fc.constantFrom("city", "zone", "tenant"), tieSelect(depth - 1)));
}

await tap.test("accepts a spelling of an id only if it cannot be read as another", (t) => {
  const nearly = fc.tuple(
    fc.constantFrom("", "0", "+", "-", " ", "0x"),
    fc.integer(),
    fc.constantFrom("", ".0", "e0", "abc", "\0", " "),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        nearly.map((parts) => parts.join("")),
        fc.double().map(String),
      ),
      (spelling) => {
        const id = recordId(spelling, "number");
        return id === undefined || (String(id) === spelling && Number.parseFloat(spelling) === id && id > 0);
      },
    ),
    RUNS,
  );
  t.equal(recordId("42", "number"), 42);
  t.end();
});

await tap.test("an accepted path has no segments that a parser could split or use to climb", (t) => {
  const piece = fc.constantFrom(
    "/",
    "..",
    ".",
    "%2e",
    "%2f",
    "%5c",
    "\\",
    ";",
    "%00",
    "%25",
    "tenant-a",
    "posts",
    "1",
    "?",
    "#",
    "%61",
  );
  const target = fc
    .array(fc.oneof(piece, fc.string({ maxLength: 3 })))
    .map((pieces) => `/partners/${pieces.join("")}`);
  fc.assert(
    fc.property(target, (spelt) => {
      const read = parseTarget(spelt);
      t.not(read.kind, "other", spelt);
      return (
        read.kind !== "partners" ||
        read.path.segments.every((each) => !/[/\\;%?#]|^\.{0,2}$|\p{Cc}/u.test(each))
      );
    }),
    RUNS,
  );
  t.end();
});

const group = { memberIds: [1, 2], sharedCollections: ["events", "venues"] };
const tenantA = mint<Tenant>({ id: 1, slug: "tenant-a", installedApps: [], group });

/** A record as a CMS populates it. Its `says` states whether A may see it if its collection is unknown. */
function recordBy(tenant: number, form: string, rest: Json): Json {
  const owner = form === "object" ? { id: tenant, slug: `tenant-${tenant}`, mark: "FOREIGN" } : tenant;
  const fields = { id: tenant * 100, title: tenant === 1 ? "own" : "FOREIGN", ...rest };
  if (form === "user") return { ...fields, title: "FOREIGN", collection: "users", email: "FOREIGN" };
  return form === "unseen" ? { ...fields, title: "FOREIGN" } : { ...fields, tenant: owner };
}

/**
 * Values with records of A and of other tenants at any depth, in lists, groups, joins and polymorphic
 * relations.
 */
const { value: anything } = fc.letrec<{ value: unknown; record: Json }>((tie) => ({
  record: fc
    .tuple(
      fc.constantFrom(1, 1, 3, 4),
      fc.constantFrom("number", "object", "user", "unseen", "number"),
      fc.dictionary(
        fc.constantFrom("a", "b", "hash", "apiKey", "sessions", "events", "venue"),
        tie("value"),
        { maxKeys: 3 },
      ),
    )
    .map(([tenant, form, rest]) => recordBy(tenant, form, rest)),
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(1, "x", null, true),
    tie("record"),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "group", "salt", "venue"), tie("value"), { maxKeys: 3 }),
    tie("record").map((record) => ({ relationTo: "pages", value: record })),
    fc
      .array(
        fc.oneof(
          tie("record"),
          tie("record").map((value) => ({ relationTo: "posts", value })),
          fc.constant(7),
        ),
      )
      .map((docs) => ({ docs, hasNextPage: false })),
  ),
}));

/** Every name in a value, at every depth. */
function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  return isJson(value) ? Object.entries(value).flatMap(([name, inner]) => [name, ...namesIn(inner)]) : [];
}

await tap.test("removes every record of another tenant and every secret from any record", (t) => {
  let kept = 0;
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("x", "venue", "events", "hash"), anything), (rest) => {
      const record: Json = structuredClone({ ...rest, id: 1, tenant: 1, title: "own" });
      new RecordSanitiser(settings, { tenant: tenantA, requestId: "id" }).clean(record, "pages");
      const text = JSON.stringify(record);
      if (text.split('"own"').length > 2) kept += 1;
      return !text.includes("FOREIGN") && !namesIn(record).some((name) => settings.secretFields.has(name));
    }),
    RUNS,
  );
  t.ok(kept > 100, `${kept} records kept a populated record`);
  t.end();
});

await tap.test("an unmodified record is returned as it came, in every version", (t) => {
  const names = versionNames({ pages: { rename: { heading: "title" }, remove: ["x"] } });
  let untouched = 0;
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("x", "venue", "events", "hash"), anything),
      fc.constantFrom(settings, { ...settings, names }),
      fc.constantFrom<readonly string[]>([], ["title", "y"]),
      (rest, version, hidden) => {
        const record: Json = structuredClone({ ...rest, id: 1, tenant: 1, title: "own" });
        const before = JSON.stringify(record);
        const sieve = new RecordSanitiser(version, { tenant: tenantA, requestId: "id" });
        for (const name of hidden) sieve.hide(record, name);
        sieve.clean(record, "pages");
        if (!sieve.hasChanged) untouched += 1;
        return sieve.hasChanged || JSON.stringify(record) === before;
      },
    ),
    RUNS,
  );
  t.ok(untouched > 30, `${untouched} records were returned as they came`);
  t.end();
});
