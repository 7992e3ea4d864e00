import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { A, openHouse } from "./support-contract.ts";

const cms = await startCms();
tap.teardown(() => cms.close());

await tap.test("a version's Deprecation and Sunset dates go out as headers, with a Link", async (t) => {
  const versionDates = {
    "2025-07": { deprecation: "2026-02-01", sunset: "2027-02-01T12:00:00Z", link: "https://docs.test/move" },
  };
  const { ask } = await openHouse(t, cms.url, { partners: { versionDates } });
  const old = await ask("GET /partners/2025-07/tenant-a/posts?limit=1");
  t.equal(old.status, 200);
  t.equal(old.headers["deprecation"], "@1769904000", "RFC 9745, 2.1: a structured date");
  t.equal(old.headers["sunset"], "Mon, 01 Feb 2027 12:00:00 GMT", "RFC 8594, 3: an HTTP-date");
  t.equal(
    old.headers["link"],
    '<https://docs.test/move>; rel="deprecation"; type="text/html", <https://docs.test/move>; rel="sunset"; type="text/html"',
  );
  const current = await ask(`GET ${A}/posts?limit=1`);
  for (const name of ["deprecation", "sunset", "link"])
    t.notOk(name in current.headers, `2026-02 has no ${name}`);
});

await tap.test("dates of a version that is not supported stop the start", async (t) => {
  const partners = { versionDates: { "2024-01": { sunset: "2027-02-01" } } };
  await t.rejects(
    openHouse(t, cms.url, { partners }),
    /versionDates\.2024-01: 2024-01 is no supported version/,
  );
});
