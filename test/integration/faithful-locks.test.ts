import tap from "tap";
import { faceOf, type Json } from "../support/isolation.ts";
import { startKitchen } from "../support/kitchen/site.ts";

/**
 * `ifUpdatedAt` is a precondition on the state that the update builds on. Trashed records can be restored.
 */

const kitchen = await startKitchen();
const { ask, payload } = kitchen;

type Id = string | number;

const made = (collection: string, data: Json): Promise<Id> => kitchen.made(collection, data);

/** Creates a published article with an editor's unpublished draft. Resolves with the `updatedAt` of each. */
async function withDraft(): Promise<{
  readonly at: string;
  readonly main: unknown;
  readonly draft: unknown;
}> {
  const id = await made("articles", { title: "old", content: "old text", _status: "published" });
  await payload.update({ collection: "articles", id, data: { title: "new" }, draft: true });
  const at = `tenant-a/articles/${id}`;
  const main = (await ask("GET", at)).json["updatedAt"];
  const draft = (await ask("GET", `${at}?draft=true`)).json["updatedAt"];
  return { at, main, draft };
}

await tap.test("a draft can be published with its own ifUpdatedAt, once", async (t) => {
  const { at, draft } = await withDraft();
  const body = { _status: "published", ifUpdatedAt: draft };
  t.match(await ask("PATCH", at, { body }), { status: 200, json: { title: "new", _status: "published" } });
  t.equal((await ask("PATCH", at, { body })).status, 409);
});

await tap.test("the page's ifUpdatedAt does not publish a draft that the partner has not read", async (t) => {
  const { at, main } = await withDraft();
  const { status } = await ask("PATCH", at, { body: { _status: "published", ifUpdatedAt: main } });
  t.equal(status, 409);
  t.match(await ask("GET", at), { json: { title: "old" } });
});

await tap.test("a field of the published page is written with the page's ifUpdatedAt", async (t) => {
  const { at, main, draft } = await withDraft();
  t.equal((await ask("PATCH", at, { body: { content: "c", ifUpdatedAt: draft } })).status, 409);
  const { status, json } = await ask("PATCH", at, { body: { content: "c", ifUpdatedAt: main } });
  t.match({ status, json }, { status: 200, json: { title: "old", content: "c", _status: "published" } });
  t.equal((await ask("PATCH", at, { body: { content: "d", ifUpdatedAt: main } })).status, 409);
});

await tap.test("a draft is written with the draft's ifUpdatedAt", async (t) => {
  const { at, main, draft } = await withDraft();
  const write = (lock: unknown) =>
    ask("PATCH", `${at}?draft=true`, { body: { content: "c", ifUpdatedAt: lock } });
  t.equal((await write(main)).status, 409);
  t.match(await write(draft), { status: 200, json: { title: "new", content: "c", _status: "draft" } });
  t.equal((await write(draft)).status, 409);
  t.match(await ask("GET", at), { json: { title: "old", content: "old text" } });
});

await tap.test("an unpublished record is written with its ifUpdatedAt", async (t) => {
  const id = await made("articles", { title: "old", _status: "draft" });
  const at = `tenant-a/articles/${id}`;
  const { json } = await ask("GET", `${at}?draft=true`);
  const body = { content: "c", ifUpdatedAt: json["updatedAt"] };
  t.match(await ask("PATCH", at, { body }), { status: 200, json: { title: "old", content: "c" } });
  t.equal((await ask("PATCH", at, { body })).status, 409);
});

await tap.test("a record without drafts is written with its ifUpdatedAt", async (t) => {
  const id = await made("works", { title: "old" });
  const at = `tenant-a/works/${id}`;
  const { json } = await ask("GET", at);
  const body = { code: "locked", ifUpdatedAt: json["updatedAt"] };
  t.match(await ask("PATCH", at, { body }), { status: 200, json: { title: "old", code: "locked" } });
  t.equal((await ask("PATCH", at, { body })).status, 409);
});

for (const collection of ["works", "articles"])
  await tap.test(`a record of ${collection} can be restored from the trash`, async (t) => {
    const id = await made(collection, { title: "kept", _status: "published" });
    const at = `tenant-a/${collection}/${id}`;
    const trashed = await ask("PATCH", at, { body: { deletedAt: "2026-05-01T00:00:00.000Z" } });
    t.match(trashed, { status: 200, json: { title: "kept" } });
    t.equal((await ask("GET", at)).status, 404, "a read does not find it");
    t.equal((await ask("PATCH", at, { body: { title: "x" } })).status, 404, "no other write finds it");
    const restored = await ask("PATCH", at, { body: { deletedAt: null } });
    t.match(restored, { status: 200, json: { title: "kept", deletedAt: null } });
    t.match(await ask("GET", at), { status: 200, json: { title: "kept" } });
  });

await tap.test("a trashed record of another tenant is answered like a missing one", async (t) => {
  const at = "2026-05-01T00:00:00.000Z";
  const id = await made("works", { title: "of B", tenant: 2, deletedAt: at });
  const foreign = await ask("PATCH", `tenant-a/works/${id}`, { body: { deletedAt: null } });
  const missing = await ask("PATCH", "tenant-a/works/99999", { body: { deletedAt: null } });
  t.equal(faceOf(foreign), faceOf(missing));
  t.match(await payload.findByID({ collection: "works", id, trash: true }), { deletedAt: at });
});
