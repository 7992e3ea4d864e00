import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { startFaultyLine } from "../support/faults.ts";
import { startStillGateway } from "../support/still-gateway.ts";

// The cost of a refusal must not reveal which tenants exist. A foreign tenant and a missing one cause the
// same number of lookups, at every moment, whatever other partners have requested before.

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

/** The times of the requests, in milliseconds after the first. */
const MOMENTS = [0, 1_000, 4_999, 5_001, 6_000, 12_000, 30_000, 59_000, 61_000, 66_000, 130_000];
const MISSING = "tenant-z";

type Name = { readonly slug: string; readonly by: "path" | "header" };

/** The number of upstream requests that each request costs, without the lookups of the key. */
async function costs(t: Test, names: readonly Name[], env: Record<string, string>): Promise<number[][]> {
  const settings = { partners: { collections: ["posts"] }, cache: { keyTtl: "1h", jitter: 0 } };
  const gateway = await startStillGateway(line.url, settings, { env });
  t.teardown(() => gateway.stop());
  const send = async ({ slug, by }: Name, key: string): Promise<number> => {
    const named = by === "header" && { "x-basker-tenant-slug": slug };
    const headers = { authorization: `users API-Key ${key}`, ...named };
    const answer = await fetch(`${gateway.url}/partners/2026-02/${slug}/posts?limit=1`, { headers });
    await answer.arrayBuffer();
    return answer.status;
  };
  const spent = names.map((): number[] => []);
  let now = 0;
  for (const moment of MOMENTS) {
    gateway.clock.move(moment - now);
    now = moment;
    // The tenant's own user sends a request, so that the cached lookup of the tenant is fresh.
    t.equal(await send({ slug: "tenant-b", by: "path" }, cms.keys.partnerB), 200);
    for (const [at, name] of names.entries()) {
      const before = line.asked.length;
      t.equal(await send(name, cms.keys.partnerA), 404, `${name.slug} in the ${name.by}`);
      spent[at]?.push(line.asked.slice(before).filter((asked) => !asked.includes("/users/me")).length);
    }
  }
  return spent;
}

for (const [how, env] of Object.entries({
  "with the gateway's own key": { CMS_SERVICE_KEY: cms.keys.service },
  "with the caller's key": {},
})) {
  for (const by of ["path", "header"] as const) {
    const foreign = { slug: "tenant-b", by };
    const missing = { slug: MISSING, by };
    t.test(`a foreign tenant and a missing one cost the same ${how}, in the ${by}`, async (t) => {
      const [first, second] = await costs(t, [foreign, missing], env);
      t.strictSame(first, second, "the foreign one first");
      const [third, fourth] = await costs(t, [missing, foreign], env);
      t.strictSame(third, fourth, "the missing one first");
      t.strictSame(third, first);
    });
  }
}
