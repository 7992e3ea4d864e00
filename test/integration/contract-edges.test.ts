import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { A, openHouse } from "./support-contract.ts";

/** Section 5 of the contract: queries that ask for nothing, or for less than can be given. */

const cms = await startCms();
tap.teardown(() => cms.close());
const { ask } = await openHouse(tap, cms.url);

await tap.test("a condition that matches nothing is one answer, whatever the reason", async (t) => {
  for (const paging of ["", "&limit=5", "&limit=5&page=3", "&limit=0", "&pagination=false", "&page=2"]) {
    const [nobodys, ...others] = await Promise.all(
      ["where[title][equals]=nobody's", "where[nosuch][equals]=1", "where[hash][equals]=1", "where={bad"].map(
        (where) => ask(`GET ${A}/events?${where}${paging}`),
      ),
    );
    t.match(nobodys?.json, { docs: [], totalDocs: 0 }, paging);
    for (const { text } of others) t.equal(text, nobodys?.text, paging);
  }
});

await tap.test(
  "a populated record without its tenant is all of it: whose it is has to be seen",
  async (t) => {
    const { json } = await ask(`GET ${A}/events/4?depth=1&populate[venues][tenant]=false`);
    t.match(json["venue"], { id: 4, tenant: 1, title: String, city: String, createdAt: String });
  },
);
