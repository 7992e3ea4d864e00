/**
 * Attack: a path names a tenant whose slug is not a valid header value.
 * Amplifier: a request that cannot be written fails like an unreachable CMS and costs a connection. Enough of
 * them open the circuit breaker for every client.
 * Defence: the slug is percent-encoded if a header requires it. A request that cannot be written is rejected
 * before it takes a connection or counts against the CMS.
 */
import t from "tap";
import { startSite } from "../support/isolation.ts";

const site = await startSite({ cache: { tenantTtl: "1ms" } });
t.teardown(() => site.close());
t.beforeEach(() => site.cms.reset());

for (const slug of ["日本", "tenänt", "a b", "100%", "😀", "x, y"]) {
  t.test(`a tenant called ${slug} is served, and other tenants are not affected`, async (t) => {
    await site.cms.payload.update({ collection: "tenants", id: 4, data: { slug } });
    site.cms.takeRequests();
    const d = site.as("partnerD");
    for (let i = 0; i < 8; i++) {
      const byId = { headers: { "x-basker-tenant-id": "4" } };
      t.equal((await d.ask("GET", "x/posts?limit=1", byId)).status, 200);
    }
    // Some names are ambiguous in a path.
    const byPath = await d.ask("GET", `${encodeURIComponent(slug)}/posts?limit=1`);
    t.equal(byPath.status, slug.includes("%") ? 400 : 200);
    const told = site.cms
      .takeRequests()
      .filter(({ path }) => path.startsWith("/api/posts"))
      .map(({ headers }) => decodeURIComponent(String(headers["x-basker-tenant-slug"])));
    t.strictSame([...new Set(told)], [slug]);
    t.equal((await site.as("partnerA").ask("GET", "tenant-a/posts?limit=1")).status, 200);
  });
}
