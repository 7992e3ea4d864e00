// Attack: headers and framing of any kind on native traffic, which is forwarded nearly unchanged.
// Amplifier: the CMS and Next.js trust what a proxy says about its client, the tenant and their own routing.
// Defence: each request becomes one request at the CMS, and only the gateway sets the headers reserved for
// it.
import * as fc from "fast-check";
import tap from "tap";

import { bytesOf, none, request, segment } from "../support/anything.ts";
import type { RecordedRequest } from "../support/cms/recorder.ts";
import { startSite } from "../support/isolation.ts";
import { rawExchange } from "../support/raw.ts";

const site = await startSite();
tap.teardown(() => site.close());

const RUNS = { numRuns: 600 };

/**
 * Reserved names of the gateway or of Next.js, folded; hop-by-hop names; names that state another client
 * address.
 */
const NEVER =
  /^(?:x-basker-tenant-(?:id|slug)|x-middleware-(?!prefetch).*|x-invoke-.*|x-forwarded-uri|x-real-ip|x-matched-path|forwarded|expect|te|trailer|keep-alive|proxy-authorization)$/;
/** The headers that the gateway sets itself, once. */
const OWN: Readonly<Record<string, RegExp>> = {
  "x-forwarded-for": /^127\.0\.0\.1$/,
  "x-forwarded-proto": /^http$/,
  "x-forwarded-host": /^gateway$/,
  "x-request-id": /^[0-9a-f]{8}-[0-9a-f-]{27}$/,
  host: /^gateway$/,
};

/** Lists the headers of a native request to the CMS that only the gateway may set, or that must not occur. */
function forgeries({ rawHeaders }: RecordedRequest): string[] {
  const said = rawHeaders.flatMap((name, i) =>
    i % 2 === 0 ? [[name.toLowerCase().replace(/[_.]/g, "-"), rawHeaders[i + 1] ?? ""] as const] : [],
  );
  const never = said.filter(([name]) => NEVER.test(name)).map(([name]) => `carries ${name}`);
  const forged = Object.entries(OWN).flatMap(([name, pattern]) => {
    const values = said.filter(([other]) => other === name).map(([, value]) => value);
    return values.length === 1 && pattern.test(values[0] ?? "") ? [] : [`${name}: ${JSON.stringify(values)}`];
  });
  return [...never, ...forged];
}

await tap.test(
  "every request of an editor's browser is one request at the CMS, without a forged header",
  async (t) => {
    let arrived = 0;
    const native = fc.tuple(
      request,
      segment("/api/posts", "/admin", "/_next/x", "/api/access", "/api/nothing"),
    );
    await fc.assert(
      fc.asyncProperty(native, async ([drawn, to]) => {
        await rawExchange(site.gateway.port, bytesOf({ ...drawn, path: to }, []));
        // The gateway itself asks the CMS whether the client of a write is one of its users.
        const requests = site.cms.takeRequests().filter(({ path }) => path !== "/api/users/me?depth=0");
        arrived += requests.length;
        none([...(requests.length > 1 ? ["one request became two"] : []), ...requests.flatMap(forgeries)]);
      }),
      RUNS,
    );
    t.ok(arrived > RUNS.numRuns / 4, `${arrived} arrived`);
  },
);
