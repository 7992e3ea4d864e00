import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";

/** The gateway's own key is the operator's: if the CMS refuses it, the partner's request is not at fault. */

const cms = await startCms({ record: false });
tap.teardown(() => cms.close());

async function asked(serviceKey: string, method: string, path = "tenant-a/posts") {
  const gateway = await startTestGateway(cms.url, { cms: { serviceKey } });
  const answer = await fetch(`${gateway.url}/partners/2026-02/${path}`, {
    method,
    headers: { authorization: `users API-Key ${cms.keys.partnerA}`, "content-type": "application/json" },
    ...(method === "POST" ? { body: JSON.stringify({ title: "x" }) } : {}),
  });
  await answer.arrayBuffer();
  await gateway.stop();
  const lines = gateway.lines().filter(({ code }) => code === "tenant.unverifiable");
  return { status: answer.status, retryAfter: answer.headers.get("retry-after"), lines };
}

await tap.test(
  "a service key that the CMS refuses causes 503 and a warning that names the setting, and no 403",
  async (t) => {
    for (const [method, path] of [
      ["GET", "tenant-a/posts"],
      ["POST", "tenant-a/posts"],
      ["DELETE", "tenant-a/posts/1"],
      ["GET", "nosuch/posts"],
    ] as const) {
      const { status, retryAfter, lines } = await asked("withdrawn", method, path);
      t.equal(status, 503, `${method} ${path}`);
      t.ok(retryAfter, "the client may retry");
      t.match(lines, [{ level: 40, cause: /cms\.serviceKey/ }]);
    }
  },
);

await tap.test("a service key that the CMS accepts causes neither", async (t) => {
  t.strictSame(await asked(cms.keys.service, "GET"), { status: 200, retryAfter: null, lines: [] });
});
