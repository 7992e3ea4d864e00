import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import { A, askerOf, openHouse, refused, unsupported } from "./support-contract.ts";

const cms = await startCms();
tap.teardown(() => cms.close());

await tap.test("answers of a deprecated version have Deprecation, Sunset and Link headers", async (t) => {
  const versionSettings = {
    "2025-07": { deprecation: "2026-02-01", sunset: "2027-02-01T12:00:00Z", link: "https://docs.test/move" },
  };
  const { ask } = await openHouse(t, cms.url, { partners: { versionSettings } });
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

await tap.test("dates of an unsupported version prevent the start", async (t) => {
  const partners = { versionSettings: { "2024-01": { sunset: "2027-02-01" } } };
  await t.rejects(
    openHouse(t, cms.url, { partners }),
    /versionSettings\.2024-01: 2024-01 is no supported version/,
  );
});

await tap.test(
  "from its sunset on, a version is answered like an unsupported one, without a restart",
  async (t) => {
    let now = Date.parse("2026-07-31T23:59:59.999Z");
    const partners = { versionSettings: { "2025-07": { sunset: "2026-08-01" } } };
    const gateway = await startTestGateway(cms.url, { partners }, { wallTime: () => now });
    t.teardown(() => gateway.stop());
    const ask = askerOf(gateway.port);
    const old = "/partners/2025-07/tenant-a/posts?limit=1";
    t.equal((await ask(`GET ${old}`)).status, 200, "one millisecond before the sunset");
    refused(t, await ask("GET /partners/2024-01/tenant-a/posts"), unsupported("2024-01"));
    const before = gateway.lines();
    now += 1;
    refused(t, await ask(`GET ${old}`), unsupported("2025-07", "2026-02"), "at the sunset");
    refused(t, await ask("GET /partners/2024-01/tenant-a/posts"), unsupported("2024-01", "2026-02"));
    t.equal((await ask(`GET ${A}/posts?limit=1`)).status, 200, "the other version still works");
    t.equal((await ask(`GET ${old}`, { key: null })).status, 401, "without a key the answer is 401");

    const facts = (lines: readonly Record<string, unknown>[]) =>
      lines
        .filter(({ version }) => version === "2025-07")
        .map(({ versionState, userId }) => [versionState, userId]);
    t.same(facts(before), [["current", 2]], "the log records the user");
    t.same(facts(gateway.lines()).at(-1), ["sunset", 2], "also after the sunset");
    const page = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    for (const [version, state] of [
      ["2025-07", "current"],
      ["2025-07", "sunset"],
      ["2026-02", "current"],
    ])
      t.match(page, `gateway_version_requests_total{version="${version}",state="${state}",user="2"} 1`);
  },
);
