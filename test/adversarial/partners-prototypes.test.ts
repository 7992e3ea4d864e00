// Attack: JSON of a partner's own that names a collection or field as JavaScript names what every object has.
// Amplifier: read as settings of that collection it is a function; the list that holds the record is a 500, to a group-mate too.
// Defence: only what the configuration says itself counts.
import tap from "tap";

import { payloadSettings, whereLimits } from "../../src/cms/payload/settings.ts";
import { configFor } from "../support/gateway.ts";
import { translated } from "../support/translated.ts";

const NAMES = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"];
const PAGE = { totalDocs: 1, limit: 10, totalPages: 1, page: 1, pagingCounter: 1, hasNextPage: false };

await tap.test("a record that names what every object has is a record like any other", (t) => {
  for (const name of NAMES) {
    const relation = { relationTo: name, value: { id: 3, tenant: 1, [name]: { id: 5, title: "x" } } };
    const record = { id: 1, tenant: 1, embed: relation, list: [relation] };
    const kept = { relationTo: name, value: { id: 3, tenant: 1, [name]: 5 } };
    const docs = [{ id: 1, tenant: 1, embed: kept, list: [kept] }];
    t.match(JSON.parse(translated("list", { ...PAGE, docs: [record] })), { docs }, name);
  }
  t.end();
});

await tap.test("nor has a collection of such a name any settings but its own", (t) => {
  const settings = payloadSettings(
    configFor("http://cms.invalid", { partners: { collections: ["constructor"] } }),
  );
  const { ownPaths, foreignFields } = whereLimits(settings, "constructor");
  t.strictSame([[...ownPaths], [...foreignFields]], [[], []]);
  t.end();
});
