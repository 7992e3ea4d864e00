// Attack: a partner's JSON names a collection or field like a member of Object.prototype.
// Amplifier: a lookup of that collection's settings returns a function, and every list with the record is a
// 500, also for other members of the group.
// Defence: the gateway reads only own members of the configuration.
import tap from "tap";

import { payloadSettings, whereLimits } from "../../src/cms/payload/settings.ts";
import { configFor } from "../support/gateway.ts";
import { translated } from "../support/translated.ts";

const NAMES = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"];
const PAGE = { totalDocs: 1, limit: 10, totalPages: 1, page: 1, pagingCounter: 1, hasNextPage: false };

await tap.test("returns a record that names a member of Object.prototype like any other", (t) => {
  for (const name of NAMES) {
    const relation = { relationTo: name, value: { id: 3, tenant: 1, [name]: { id: 5, title: "x" } } };
    const record = { id: 1, tenant: 1, embed: relation, list: [relation] };
    const kept = { relationTo: name, value: { id: 3, tenant: 1, [name]: 5 } };
    const docs = [{ id: 1, tenant: 1, embed: kept, list: [kept] }];
    t.match(JSON.parse(translated("list", { ...PAGE, docs: [record] })), { docs }, name);
  }
  t.end();
});

await tap.test("a collection named like a member of Object.prototype has only its own settings", (t) => {
  const settings = payloadSettings(
    configFor("http://cms.invalid", { partners: { collections: ["constructor"] } }),
  );
  const { ownPaths, foreignFields } = whereLimits(settings, "constructor");
  t.strictSame([[...ownPaths], [...foreignFields]], [[], []]);
  t.end();
});
