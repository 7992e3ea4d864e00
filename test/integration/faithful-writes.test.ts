import tap from "tap";
import { sqlClient } from "../support/cms/database.ts";
import { HEARD, REFUSALS } from "../support/kitchen/hooks.ts";
import { startKitchen } from "../support/kitchen/site.ts";
import { objectOf, type Json } from "../support/isolation.ts";

/** A partner's write is the CMS's own operation by id, with its drafts, hooks, access rules and refusals. */

const kitchen = await startKitchen();
const { site, ask, payload } = kitchen;

type Id = string | number;

async function create(collection: string, body: Json, query = ""): Promise<Json & { readonly id: Id }> {
  const { status, json } = await ask("POST", `tenant-a/${collection}${query}`, { body });
  const { id } = json;
  if (status !== 201 || (typeof id !== "number" && typeof id !== "string"))
    throw new Error(`no record was made: ${status} ${JSON.stringify(json)}`);
  return { ...json, id };
}

const main = (id: Id): Promise<Json> => payload.findByID({ collection: "articles", id, depth: 0 });
const draft = (id: Id): Promise<Json> =>
  payload.findByID({ collection: "articles", id, depth: 0, draft: true });

await tap.test("publishing a draft keeps the values that were written to it", async (t) => {
  const { id } = await create("articles", { title: "one" }, "?draft=true");
  const at = `tenant-a/articles/${id}`;
  const saved = await ask("PATCH", `${at}?draft=true`, { body: { title: "two", content: "c" } });
  t.match(saved, { status: 200, json: { title: "two", content: "c", _status: "draft" } });
  const published = await ask("PATCH", at, { body: { _status: "published" } });
  t.match(published, { status: 200, json: { title: "two", content: "c", _status: "published" } });
  t.match(await main(id), { title: "two", content: "c", _status: "published" });
});

/** Creates a published article with an editor's unpublished draft. */
async function withDraft(): Promise<Id> {
  const { id } = await create("articles", { title: "old", content: "old text", _status: "published" });
  const data = { title: "new", content: "new text" };
  await payload.update({ collection: "articles", id, data, draft: true });
  return id;
}

await tap.test("a partner's publish makes an editor's draft live", async (t) => {
  const id = await withDraft();
  const { status, json } = await ask("PATCH", `tenant-a/articles/${id}`, { body: { _status: "published" } });
  t.match({ status, json }, { status: 200, json: { title: "new", content: "new text" } });
  t.match(await main(id), { title: "new", content: "new text", _status: "published" });
});

await tap.test("a write to a published page with a draft keeps the page online and the draft", async (t) => {
  const id = await withDraft();
  const body = { startsAt: "2026-05-01T00:00:00.000Z" };
  const { status, json } = await ask("PATCH", `tenant-a/articles/${id}`, { body });
  t.match({ status, json }, { status: 200, json: { title: "old", _status: "published", ...body } });
  t.match(await main(id), { title: "old", content: "old text", _status: "published", ...body });
  const { docs } = await payload.findVersions({
    collection: "articles",
    where: { and: [{ parent: { equals: id } }, { "version.title": { equals: "new" } }] },
  });
  t.equal(docs.length, 1, "the draft is among the versions");
});

await tap.test("a write to the draft of a published page leaves the page unchanged", async (t) => {
  const id = await withDraft();
  const { status, json } = await ask("PATCH", `tenant-a/articles/${id}?draft=true`, {
    body: { content: "newer text" },
  });
  t.match({ status, json }, { status: 200, json: { title: "new", content: "newer text", _status: "draft" } });
  t.match(await main(id), { title: "old", content: "old text", _status: "published" });
  t.match(await draft(id), { title: "new", content: "newer text" });
});

await tap.test("a record without any stored version can be written as a draft", async (t) => {
  const { id } = await create("articles", { title: "older than drafts", _status: "published" });
  const sql = sqlClient(payload);
  await sql.execute(`DELETE FROM _articles_v WHERE parent_id = ${id}`);
  const saved = await ask("PATCH", `tenant-a/articles/${id}?draft=true`, { body: { content: "c" } });
  t.match(saved, { status: 200, json: { title: "older than drafts", content: "c" } });
  t.match(await main(id), { content: null, _status: "published" });
});

await tap.test("a record whose draft moved to another tenant cannot be written by the old one", async (t) => {
  const id = await withDraft();
  await payload.update({ collection: "articles", id, data: { tenant: 2, title: "of B" }, draft: true });
  for (const body of [{ _status: "published" }, { content: "x" }, { _status: "draft" }])
    for (const query of ["", "?draft=true"]) {
      const { status, text } = await ask("PATCH", `tenant-a/articles/${id}${query}`, { body });
      t.equal(status, 404, `${JSON.stringify(body)}${query}`);
      t.notMatch(text, "of B");
    }
  t.equal((await ask("DELETE", `tenant-a/articles/${id}`)).status, 404);
  t.match(await main(id), { tenant: 1, title: "old" });
  t.match(await draft(id), { tenant: 2, title: "of B" });
});

const ENVELOPES: Readonly<Record<string, readonly [status: number, error: string]>> = {
  "public 400": [422, "Validation Failed"],
  "public 409": [409, "Conflict"],
  "public 410": [422, "Validation Failed"],
  "public 422": [422, "Validation Failed"],
  "public 429": [429, "Too Many Requests"],
  "private 403": [403, "Forbidden"],
  forbidden: [403, "Forbidden"],
  locked: [409, "Conflict"],
  missing: [404, "Not Found"],
  validation: [422, "Validation Failed"],
  "public 500": [500, "Server Error"],
  error: [500, "Server Error"],
};

await tap.test("a hook's refusal keeps its error class on create, update and delete", async (t) => {
  t.strictSame(Object.keys(ENVELOPES), Object.keys(REFUSALS));
  for (const [refusal, [status, error]] of Object.entries(ENVELOPES)) {
    const { id } = await create("works", { title: "work", deletion: refusal });
    const onCreate = await ask("POST", "tenant-a/works", { body: { title: "w", refusal } });
    const onUpdate = await ask("PATCH", `tenant-a/works/${id}`, { body: { refusal } });
    const onDelete = await ask("DELETE", `tenant-a/works/${id}`);
    const created = refusal === "missing" ? { status: 422, error: "Validation Failed" } : { status, error };
    t.match({ ...onCreate.json, status: onCreate.status }, created, `create: ${refusal}`);
    t.match({ ...onUpdate.json, status: onUpdate.status }, { status, error }, `update: ${refusal}`);
    t.match({ ...onDelete.json, status: onDelete.status }, { status, error }, `delete: ${refusal}`);
    for (const { text } of [onCreate, onUpdate, onDelete]) t.notMatch(text, "of the CMS", refusal);
    if (status === 429) t.equal(onUpdate.headers["retry-after"], "1");
    if (refusal === "validation") {
      const errors = [{ path: "sizes.0.width", message: "No such size" }];
      t.strictSame(onCreate.json["errors"], errors);
      t.strictSame(onUpdate.json["errors"], errors);
    }
    t.match(await payload.findByID({ collection: "works", id }), { refusal: null }, "nothing was written");
  }
});

await tap.test("a 422 of an update names the fields as a 422 of a create does", async (t) => {
  const body = {
    title: "",
    sizes: [{ width: 1 }, {}],
    layout: [{ blockType: "cta", heading: "" }],
  };
  const { id } = await create("works", { title: "work" });
  const created = await ask("POST", "tenant-a/works", { body });
  const updated = await ask("PATCH", `tenant-a/works/${id}`, { body });
  t.equal(updated.status, 422);
  const message = "This field is required.";
  t.same(updated.json["errors"], [
    { path: "title", message },
    { path: "sizes.1.width", message },
    { path: "layout.0.heading", message },
  ]);
  t.strictSame(updated.json["errors"], created.json["errors"]);
});

await tap.test("a duplicate unique value is 409, on create and update", async (t) => {
  await create("works", { title: "first", code: "taken" });
  const { id } = await create("works", { title: "second" });
  t.equal((await ask("POST", "tenant-a/works", { body: { title: "third", code: "taken" } })).status, 409);
  t.equal((await ask("PATCH", `tenant-a/works/${id}`, { body: { code: "taken" } })).status, 409);
});

await tap.test("hooks receive operations by id", async (t) => {
  const { id } = await create("works", { title: "work" });
  HEARD.length = 0;
  await ask("PATCH", `tenant-a/works/${id}`, { body: { title: "again" } });
  await ask("DELETE", `tenant-a/works/${id}`);
  t.strictSame(
    HEARD.filter((line) => !/read|find/i.test(line)),
    [`update ${id} ${id}`, "after updateByID", `delete ${id} ${id}`, "after deleteByID"],
  );
});

await tap.test("an update sends no tenant to the CMS, in any spelling", async (t) => {
  const { id } = await create("works", { title: "work" });
  const spellings: readonly Json[] = [
    { tenant: 2 },
    { tenant: "2" },
    { tenant: { id: 2 } },
    { tenant: { relationTo: "tenants", value: 2 } },
    { tenant: null },
    { "tenant.id": 2 },
    { "tenant[id]": 2 },
    { "tenant.value": 2 },
  ];
  for (const spelling of spellings) {
    const body = { title: JSON.stringify(spelling), ...spelling };
    const { status, json } = await ask("PATCH", `tenant-a/works/${id}?depth=0`, { body });
    t.match({ status, json }, { status: 200, json: { title: body.title, tenant: 1 } }, body.title);
    t.match(await payload.findByID({ collection: "works", id, depth: 0 }), { tenant: 1 });
  }
  const sent = site.cms.takeRequests().filter(({ method }) => method === "PATCH");
  t.equal(sent.filter(({ body }) => /tenant/.test(Object.keys(objectOf(body ?? "")).join())).length, 0);
});
