import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { A, openHouse } from "./support-contract.ts";

/** Section 5 of the contract: queries that match nothing, or that leave out a field the gateway needs. */

const cms = await startCms();
tap.teardown(() => cms.close());
const { ask } = await openHouse(tap, cms.url);

await tap.test("every condition that matches nothing gets the same answer, whatever the cause", async (t) => {
  for (const paging of ["", "&limit=5", "&limit=5&page=3", "&limit=0", "&pagination=false", "&page=2"]) {
    const [noMatch, ...others] = await Promise.all(
      ["where[title][equals]=nobody's", "where[nosuch][equals]=1", "where[hash][equals]=1", "where={bad"].map(
        (where) => ask(`GET ${A}/events?${where}${paging}`),
      ),
    );
    t.match(noMatch?.json, { docs: [], totalDocs: 0 }, paging);
    for (const { text } of others) t.equal(text, noMatch?.text, paging);
  }
});

await tap.test(
  "populate without the tenant returns the whole record, because the scope check needs the tenant",
  async (t) => {
    const { json } = await ask(`GET ${A}/events/4?depth=1&populate[venues][tenant]=false`);
    t.match(json["venue"], { id: 4, tenant: 1, title: String, city: String, createdAt: String });
  },
);
