// Attack: headers and framing of any kind on native traffic, where nearly everything passes.
// Amplifier: the CMS and Next.js believe what a proxy says of its client, of the tenant, and of their own routing.
// Defence: whatever is sent, it is one request at the CMS, and what only the gateway may say only the gateway has said.
import * as fc from "fast-check";
import tap from "tap";

import { bytesOf, none, request, segment } from "../support/anything.ts";
import type { RecordedRequest } from "../support/cms/recorder.ts";
import { startSite } from "../support/isolation.ts";
import { rawExchange } from "../support/raw.ts";

const site = await startSite();
tap.teardown(() => site.close());

const RUNS = { numRuns: 600 };

/** Names that speak for the gateway or for Next.js itself, folded; hop-by-hop ones; those that name another client. */
const NEVER =
  /^(?:x-basker-tenant-(?:id|slug)|x-middleware-(?!prefetch).*|x-invoke-.*|x-forwarded-uri|x-real-ip|x-matched-path|forwarded|expect|te|trailer|keep-alive|proxy-authorization)$/;
/** What the gateway says itself, once. */
const OWN: Readonly<Record<string, RegExp>> = {
  "x-forwarded-for": /^127\.0\.0\.1$/,
  "x-forwarded-proto": /^http$/,
  "x-forwarded-host": /^gateway$/,
  "x-request-id": /^[0-9a-f]{8}-[0-9a-f-]{27}$/,
  host: /^gateway$/,
};

/** What a native request to the CMS carries that only the gateway, or nobody, may say. */
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
  "whatever an editor's browser sends is one request at the CMS, with no forged header",
  async (t) => {
    let arrived = 0;
    const native = fc.tuple(
      request,
      segment("/api/posts", "/admin", "/_next/x", "/api/access", "/api/nothing"),
    );
    await fc.assert(
      fc.asyncProperty(native, async ([drawn, to]) => {
        await rawExchange(site.gateway.port, bytesOf({ ...drawn, path: to }, []));
        // Whether a sender of a write is one of the CMS's users is a question of the gateway's own.
        const requests = site.cms.takeRequests().filter(({ path }) => path !== "/api/users/me?depth=0");
        arrived += requests.length;
        none([
          ...(requests.length > 1 ? ["one request has become two"] : []),
          ...requests.flatMap(forgeries),
        ]);
      }),
      RUNS,
    );
    t.ok(arrived > RUNS.numRuns / 4, `${arrived} arrived`);
  },
);
