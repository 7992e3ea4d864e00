import tap from "tap";

import { idOf } from "../support/cms/seed.ts";
import { breaches, docsOf, faceOf, startSite, type Law } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

// Drafts are stored in a separate table with their own tenant. Every fourth page of the fixture is a draft.

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const A: Law = { tenant: 1, scope: [1], key: "partnerA" };
const a = site.as("partnerA");

await tap.test("a list of drafts has only the tenant's records", async (t) => {
  for (const query of ["draft=true", "draft=true&where[_status][equals]=draft", "draft=true&locale=all"]) {
    const reply = await a.ask("GET", `tenant-a/pages?limit=100&depth=0&${query}`);
    t.equal(reply.status, 200);
    t.ok(docsOf(reply).length > 0);
    t.strictSame([...new Set(docsOf(reply).map(({ tenant }) => tenant))], [1], query);
  }
  t.strictSame(breaches(site.cms.takeRequests(), A), []);
});

await tap.test("a draft of another tenant is answered as missing, for reads and writes", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const owner of [2, 3, 4]) {
    for (const nth of [1, 4]) {
      for (const draft of ["true", "false"]) {
        const foreign = `tenant-a/pages/${idOf(owner, nth)}?draft=${draft}`;
        const missing = `tenant-a/pages/99999?draft=${draft}`;
        for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
          const sent = /P/.test(method) ? { body: { content: "by A", tenant: 1, _status: "draft" } } : {};
          const refused = await a.ask(method, foreign, sent);
          t.equal(refused.status, 404, `${method} ${foreign}`);
          t.equal(faceOf(refused), faceOf(await a.ask(method, missing, sent)));
        }
      }
    }
  }
  t.strictSame(breaches(site.cms.takeRequests(), A), []);
  t.strictSame(differences(before, await snapshotOf(site.cms)), [], "no version was added either");
});

await tap.test("a draft, which may lack required fields, is never created without its tenant", async (t) => {
  for (const body of [
    {},
    { tenant: null },
    { tenant: 2 },
    { tenant: "" },
    { "tenant.id": 2 },
    { title: "new" },
  ]) {
    const made = await a.ask("POST", "tenant-a/pages?draft=true&depth=0", { body });
    t.match(made, { status: 201, json: { tenant: 1, _status: "draft" } }, JSON.stringify(body));
    const id = Number(made.json["id"]);
    for (const draft of [true, false]) {
      t.match(await site.cms.payload.findByID({ collection: "pages", id, draft, depth: 0 }), { tenant: 1 });
    }
  }
  t.strictSame(breaches(site.cms.takeRequests(), A), []);
});

await tap.test("a new draft of an own record keeps its tenant", async (t) => {
  for (const method of ["PATCH", "PUT"]) {
    const body = { tenant: 2, "tenant.id": 2, content: `drafted by ${method}` };
    const reply = await a.ask(method, "tenant-a/pages/5?draft=true&depth=0", { body });
    t.match(reply, { status: 200, json: { tenant: 1, content: body.content } });
    const drafted = await a.ask("GET", "tenant-a/pages/5?draft=true&depth=0");
    t.match(drafted.json, { id: 5, tenant: 1, content: body.content });
    t.match((await a.ask("GET", "tenant-a/pages/5?depth=0")).json, {
      content: "Content of page 5 of tenant A",
    });
  }
  t.equal((await site.as("partnerB").ask("GET", "tenant-b/pages/5?draft=true")).status, 404);
});

await tap.test(
  "a draft that an editor moved to another tenant gives that tenant no access to the record",
  async (t) => {
    // The record is A's until the draft is published. Only its newest version has tenant B.
    await site.cms.payload.update({ collection: "pages", id: 6, data: { tenant: 2 }, draft: true });
    const before = await snapshotOf(site.cms);
    for (const method of ["PATCH", "PUT", "DELETE"]) {
      for (const query of ["", "?draft=true"]) {
        const sent = method === "DELETE" ? {} : { body: { content: "by B" } };
        const reply = await site.as("partnerB").ask(method, `tenant-b/pages/6${query}`, sent);
        t.equal(reply.status, 404, `${method} ${query}`);
      }
    }
    t.equal((await site.as("partnerB").ask("GET", "tenant-b/pages/6")).status, 404);
    t.strictSame(differences(before, await snapshotOf(site.cms)), []);
  },
);

await tap.test("the trash is limited to the tenant as well", async (t) => {
  await site.cms.payload.update({
    collection: "events",
    id: 49,
    data: { deletedAt: "2026-01-01T00:00:00.000Z" },
  });
  const before = await snapshotOf(site.cms);
  for (const method of ["GET", "PATCH", "DELETE"]) {
    const sent = method === "PATCH" ? { body: { deletedAt: null, tenant: 1 } } : {};
    t.equal((await a.ask(method, "tenant-a/events/49?trash=true", sent)).status, 404, method);
  }
  const listed = await a.ask("GET", "tenant-a/events?trash=true&where[deletedAt][exists]=true&limit=100");
  t.strictSame(docsOf(listed), []);
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});
