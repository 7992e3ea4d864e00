import tap from "tap";
import { faceOf, type Json } from "../support/isolation.ts";
import { startKitchen } from "../support/kitchen/site.ts";

/** `ifUpdatedAt` is a condition on the state that the update builds on, and the trash is a place to come back from. */

const kitchen = await startKitchen();
const { ask, payload } = kitchen;

type Id = string | number;

const made = (collection: string, data: Json): Promise<Id> => kitchen.made(collection, data);

/** A published article with an editor's draft waiting, and when each was stored. */
async function waiting(): Promise<{ readonly at: string; readonly main: unknown; readonly draft: unknown }> {
  const id = await made("articles", { title: "old", content: "old text", _status: "published" });
  await payload.update({ collection: "articles", id, data: { title: "new" }, draft: true });
  const at = `tenant-a/articles/${id}`;
  const main = (await ask("GET", at)).json["updatedAt"];
  const draft = (await ask("GET", `${at}?draft=true`)).json["updatedAt"];
  return { at, main, draft };
}

await tap.test("a draft that was read can be published under its own lock, once", async (t) => {
  const { at, draft } = await waiting();
  const body = { _status: "published", ifUpdatedAt: draft };
  t.match(await ask("PATCH", at, { body }), { status: 200, json: { title: "new", _status: "published" } });
  t.equal((await ask("PATCH", at, { body })).status, 409);
});

await tap.test("the page's own lock does not publish a draft that the partner has not read", async (t) => {
  const { at, main } = await waiting();
  const { status } = await ask("PATCH", at, { body: { _status: "published", ifUpdatedAt: main } });
  t.equal(status, 409);
  t.match(await ask("GET", at), { json: { title: "old" } });
});

await tap.test("a field of the page is written under the page's lock", async (t) => {
  const { at, main, draft } = await waiting();
  t.equal((await ask("PATCH", at, { body: { content: "c", ifUpdatedAt: draft } })).status, 409);
  const { status, json } = await ask("PATCH", at, { body: { content: "c", ifUpdatedAt: main } });
  t.match({ status, json }, { status: 200, json: { title: "old", content: "c", _status: "published" } });
  t.equal((await ask("PATCH", at, { body: { content: "d", ifUpdatedAt: main } })).status, 409);
});

await tap.test("a draft is written under the draft's lock", async (t) => {
  const { at, main, draft } = await waiting();
  const write = (lock: unknown) =>
    ask("PATCH", `${at}?draft=true`, { body: { content: "c", ifUpdatedAt: lock } });
  t.equal((await write(main)).status, 409);
  t.match(await write(draft), { status: 200, json: { title: "new", content: "c", _status: "draft" } });
  t.equal((await write(draft)).status, 409);
  t.match(await ask("GET", at), { json: { title: "old", content: "old text" } });
});

await tap.test("an unpublished record is written under its lock", async (t) => {
  const id = await made("articles", { title: "old", _status: "draft" });
  const at = `tenant-a/articles/${id}`;
  const { json } = await ask("GET", `${at}?draft=true`);
  const body = { content: "c", ifUpdatedAt: json["updatedAt"] };
  t.match(await ask("PATCH", at, { body }), { status: 200, json: { title: "old", content: "c" } });
  t.equal((await ask("PATCH", at, { body })).status, 409);
});

await tap.test("a record without drafts is written under its lock", async (t) => {
  const id = await made("works", { title: "old" });
  const at = `tenant-a/works/${id}`;
  const { json } = await ask("GET", at);
  const body = { code: "locked", ifUpdatedAt: json["updatedAt"] };
  t.match(await ask("PATCH", at, { body }), { status: 200, json: { title: "old", code: "locked" } });
  t.equal((await ask("PATCH", at, { body })).status, 409);
});

for (const collection of ["works", "articles"])
  await tap.test(`a record of ${collection} that was put into the trash can be taken out`, async (t) => {
    const id = await made(collection, { title: "kept", _status: "published" });
    const at = `tenant-a/${collection}/${id}`;
    const trashed = await ask("PATCH", at, { body: { deletedAt: "2026-05-01T00:00:00.000Z" } });
    t.match(trashed, { status: 200, json: { title: "kept" } });
    t.equal((await ask("GET", at)).status, 404, "a read does not see it");
    t.equal((await ask("PATCH", at, { body: { title: "x" } })).status, 404, "nor does any other write");
    const restored = await ask("PATCH", at, { body: { deletedAt: null } });
    t.match(restored, { status: 200, json: { title: "kept", deletedAt: null } });
    t.match(await ask("GET", at), { status: 200, json: { title: "kept" } });
  });

await tap.test("the trash of another tenant is as if it were not there", async (t) => {
  const at = "2026-05-01T00:00:00.000Z";
  const id = await made("works", { title: "of B", tenant: 2, deletedAt: at });
  const foreign = await ask("PATCH", `tenant-a/works/${id}`, { body: { deletedAt: null } });
  const missing = await ask("PATCH", "tenant-a/works/99999", { body: { deletedAt: null } });
  t.equal(faceOf(foreign), faceOf(missing));
  t.match(await payload.findByID({ collection: "works", id, trash: true }), { deletedAt: at });
});
