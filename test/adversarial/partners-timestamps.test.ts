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

/** The last three are dates to JavaScript, and to some databases; the last of all by its parts in another order. */
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

await tap.test("a timestamp that is no date is 422, and does not reach the CMS", async (t) => {
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

await tap.test(
  "one that is a date is the partner's to give, as when records are brought from elsewhere",
  async (t) => {
    const made = await send("POST", "posts?depth=0", { title: "old", createdAt: "2001-02-03T04:05:06.000Z" });
    t.equal(made.status, 201);
    t.match(await made.json(), { createdAt: "2001-02-03T04:05:06.000Z" });
  },
);

await tap.test("a lock that is no moment is 422, and not the CMS's failure", async (t) => {
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
  "a record's going into the trash is a date as well, else nobody could list the trash",
  async (t) => {
    for (const value of NO_DATES.filter((one) => one !== null)) {
      const response = await send("PATCH", "venues/1", { deletedAt: value });
      t.equal(response.status, 422, JSON.stringify(value));
      t.match(await response.json(), { errors: [{ path: "deletedAt" }] });
    }
    for (const deletedAt of [null, "2026-01-01T00:00:00.000Z"])
      t.match(await (await send("PATCH", "venues/1?depth=0", { deletedAt })).json(), { deletedAt });
    const { docs } = await cms.payload.find({ collection: "venues", trash: true, limit: 200, depth: 0 });
    t.equal(docs.length, 96, "all of every tenant's, trash and all");
  },
);
