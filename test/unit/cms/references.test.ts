import tap from "tap";
import { referencesIn } from "../../../src/cms/payload/references.ts";
import { payloadSettings } from "../../../src/cms/payload/settings.ts";
import { configFor } from "../../support/gateway.ts";
import { objectOf } from "../../support/isolation.ts";

const relations = { events: { venue: "venues", "rows.venue": "venues" } };
const settings = payloadSettings(configFor("http://127.0.0.1:1", { cms: { relations } }));

await tap.test("reading stops after the limit in a body full of references", (t) => {
  const nested = (leaf: string) =>
    `${"[".repeat(60)}${Array<string>(100_000).fill(leaf).join(",")}${"]".repeat(60)}`;
  for (const body of [`{"venue":${nested("5")}}`, `{"rows":${nested('{"venue":5}')}}`]) {
    const fields = objectOf(body);
    const found = referencesIn(fields, "events", { settings, ids: "number", most: 1_000 });
    t.equal(found.length, 1_001, "one more than the limit");
  }
  t.end();
});

await tap.test("text that is not a UUID refers to no record if ids are UUIDs", (t) => {
  const id = "0b5c2c6e-6b0a-4c5e-9d6f-0123456789ab";
  const found = (venue: unknown) =>
    referencesIn({ venue }, "events", { settings, ids: "uuid" }).map((one) => one.id);
  t.strictSame(found(id), [id]);
  for (const venue of ["nonsense", id.toUpperCase(), 5])
    t.strictSame(found(venue), [undefined], String(venue));
  t.end();
});
