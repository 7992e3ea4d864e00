/**
 * Attack: a client states its address or its protocol by the headers that a proxy would add
 * (`X-Forwarded-*`).
 * Amplifier: the CMS trusts them: it uses them for rate limits, logs and links.
 * Defence: the gateway trusts them only from peers in a configured address block, and by default there is
 * none.
 */
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";

const cms = await startCms();
t.teardown(() => cms.close());

const CASES: readonly (readonly [readonly string[], boolean])[] = [
  [[], false],
  [["127.0.0.1"], true],
  [["127.0.0.0/8"], true],
  [["127.0.0.2"], false],
  [["127.0.0.2/31", "10.0.0.0/8"], false],
  [["10.0.0.0/8", "127.0.0.0/31"], true],
  [["::1", "fd00::/8"], false],
];

for (const [trustedProxies, isTrusted] of CASES) {
  const name = trustedProxies.join(" and ") || "nobody";
  t.test(
    `with ${name} trusted, forwarded headers of a peer at 127.0.0.1 ${isTrusted ? "are" : "are not"} accepted`,
    async (t) => {
      const gateway = await startTestGateway(cms.url, { server: { trustedProxies } });
      t.teardown(() => gateway.stop());
      const forged = {
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "elsewhere",
      };
      t.equal((await fetch(`${gateway.url}/admin`, { headers: forged })).status, 200);
      const seen = cms.takeRequests().find(({ path }) => path === "/admin");
      t.match(
        seen?.headers,
        isTrusted
          ? { ...forged, "x-forwarded-for": "203.0.113.9, 127.0.0.1" }
          : {
              "x-forwarded-for": "127.0.0.1",
              "x-forwarded-proto": "http",
              "x-forwarded-host": `127.0.0.1:${gateway.port}`,
            },
      );
    },
  );
}
