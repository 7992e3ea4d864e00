/**
 * Attack: a partner sends a `createdAt` that is no date, which Payload takes unchecked into its transaction.
 * Amplifier: on SQLite the transaction stays open, and from then on every request of everybody is a 500.
 * Defence: the two timestamps are ISO 8601 dates, or the request is a 422 that the CMS never sees.
 */
import tap from "tap";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";

const cms = await startCms();
const gateway = await startTestGateway(cms.url);
tap.teardown(async () => {
  await gateway.stop();
  await cms.close();
});

const send = (method: string, path: string, body: unknown) =>
  fetch(`${gateway.url}/partners/2026-02/tenant-a/${path}`, {
    method,
    headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
    body: JSON.stringify(body),
  });

await tap.test("a timestamp that is no date is 422, and does not reach the CMS", async (t) => {
  await send("POST", "posts", {});
  cms.takeRequests();
  for (const name of ["createdAt", "updatedAt"]) {
    for (const value of ["never", "", null, 5, {}, [], "2026-99-99", true]) {
      for (const [method, path] of [
        ["POST", "posts"],
        ["PATCH", "posts/1"],
      ] as const) {
        const response = await send(method, path, { title: "x", [name]: value });
        t.equal(response.status, 422, `${method} ${name} ${JSON.stringify(value)}`);
        t.match(await response.json(), { errors: [{ path: name }] });
      }
    }
  }
  t.notOk(cms.takeRequests().some(({ method }) => method !== "GET"));
});

await tap.test(
  "one that is a date is the partner's to give, as when records are brought from elsewhere",
  async (t) => {
    const made = await send("POST", "posts?depth=0", { title: "old", createdAt: "2001-02-03T04:05:06.000Z" });
    t.equal(made.status, 201);
    t.match(await made.json(), { createdAt: "2001-02-03T04:05:06.000Z" });
  },
);
