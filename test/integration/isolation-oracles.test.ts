import t from "tap";
import { idOf, PER_TENANT } from "../support/cms/seed.ts";
import { faceOf, startSite } from "../support/isolation.ts";

// A foreign record and a missing record get the same answer: status, body, names and values of headers.

const site = await startSite();
t.teardown(() => site.close());
const a = site.as("partnerA");

/** Records that A may not read: of tenants outside its group, and unshared ones of a group member. */
const FOREIGN = [
  ["posts", 3],
  ["events", 4],
  ["pages", 2],
] as const;

const WAYS = [
  ["GET", {}],
  ["HEAD", {}],
  ["PATCH", { body: { title: "by A" } }],
  ["PUT", { body: { title: "by A" } }],
  ["DELETE", {}],
] as const;

for (const [method, sent] of WAYS) {
  t.test(`${method} of a foreign id and of a missing id get the same answer, to the byte`, async (t) => {
    const faces = new Map<string, number>();
    for (const [collection, owner] of FOREIGN) {
      for (let n = 1; n <= PER_TENANT; n += 1) {
        for (const depth of [0, 2]) {
          const foreign = idOf(owner, n);
          const missing = 9_900 + foreign;
          for (const id of [foreign, missing]) {
            const reply = await a.ask(method, `tenant-a/${collection}/${id}?depth=${depth}`, sent);
            const face = faceOf(reply);
            faces.set(face, (faces.get(face) ?? 0) + 1);
          }
        }
      }
    }
    t.equal(faces.size, 1, [...faces.keys()].join("\n"));
    t.match([...faces.keys()][0], /^\[404,/);
    t.equal([...faces.values()][0], FOREIGN.length * PER_TENANT * 2 * 2);
  });
}

t.test("the tenant's own record gets another answer, so the test can detect a difference", async (t) => {
  const [own, missing] = [await a.ask("GET", "tenant-a/posts/1"), await a.ask("GET", "tenant-a/posts/9901")];
  t.not(faceOf(own), faceOf(missing));
});
