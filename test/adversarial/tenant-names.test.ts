/**
 * Attack: a tenant whose slug no header can hold, named by its path.
 * Amplifier: a request that cannot even be written fails like a CMS that is gone, and takes a connection along; enough
 * of them, and everybody is shut out.
 * Defence: the slug goes to the CMS percent-encoded where a header needs it, and what cannot be written is refused
 * before it costs a connection or counts against the CMS.
 */
import t from "tap";
import { startSite } from "../support/isolation.ts";

const site = await startSite({ cache: { tenantTtl: "1ms" } });
t.teardown(() => site.close());
t.beforeEach(() => site.cms.reset());

for (const slug of ["日本", "tenänt", "a b", "100%", "😀", "x, y"]) {
  t.test(`a tenant called ${slug} is served, and nobody else suffers`, async (t) => {
    await site.cms.payload.update({ collection: "tenants", id: 4, data: { slug } });
    site.cms.takeRequests();
    const d = site.as("partnerD");
    for (let i = 0; i < 8; i++) {
      const byId = { headers: { "x-basker-tenant-id": "4" } };
      t.equal((await d.ask("GET", "x/posts?limit=1", byId)).status, 200);
    }
    // Some names can be read in two ways where they stand in a path.
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
