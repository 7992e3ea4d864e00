/**
 * Attack: a partner sends a `createdAt` that is not a date, which Payload uses unchecked in its transaction.
 * Amplifier: on SQLite the transaction stays open, and from then on every client's request is a 500.
 * Defence: both timestamps must be ISO 8601 dates. Otherwise the response is a 422, and the CMS receives
 * nothing.
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

/**
 * JavaScript and some databases accept the last three as dates, the very last with its parts in another
 * order.
 */
const NO_DATES = [
  "never",
  "",
  null,
  5,
  {},
  [],
  "2026-99-99",
  true,
  "2026-02-31",
  "2026-01-01 (x)",
  "0001-01-32",
];

await tap.test("rejects a timestamp that is not a date with 422 and does not forward it", async (t) => {
  await send("POST", "posts", {});
  cms.takeRequests();
  for (const name of ["createdAt", "updatedAt"]) {
    for (const value of NO_DATES) {
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

await tap.test("accepts a valid timestamp, so that records can be imported with their dates", async (t) => {
  const made = await send("POST", "posts?depth=0", { title: "old", createdAt: "2001-02-03T04:05:06.000Z" });
  t.equal(made.status, 201);
  t.match(await made.json(), { createdAt: "2001-02-03T04:05:06.000Z" });
});

await tap.test("rejects a lock that is not a date with 422 and does not blame the CMS", async (t) => {
  cms.takeRequests();
  for (const lock of [
    "2026-99-99T99:99:99Z",
    "2026-01-01T.Z",
    "2026-02-31T00:00:00.000Z",
    "0001-01-32",
    "2026-01-01",
    5,
    null,
  ]) {
    const response = await send("PATCH", "posts/1", { title: "x", ifUpdatedAt: lock });
    t.equal(response.status, 422, JSON.stringify(lock));
    t.match(await response.json(), { errors: [{ path: "ifUpdatedAt" }] });
  }
  t.notOk(cms.takeRequests().some(({ method }) => method !== "GET"));
});

await tap.test(
  "rejects a deletedAt that is not a date, which would break every list of the trash",
  async (t) => {
    for (const value of NO_DATES.filter((one) => one !== null)) {
      const response = await send("PATCH", "venues/1", { deletedAt: value });
      t.equal(response.status, 422, JSON.stringify(value));
      t.match(await response.json(), { errors: [{ path: "deletedAt" }] });
    }
    for (const deletedAt of [null, "2026-01-01T00:00:00.000Z"])
      t.match(await (await send("PATCH", "venues/1?depth=0", { deletedAt })).json(), { deletedAt });
    const { docs } = await cms.payload.find({ collection: "venues", trash: true, limit: 200, depth: 0 });
    t.equal(docs.length, 96, "all records of every tenant, including the trash");
  },
);
