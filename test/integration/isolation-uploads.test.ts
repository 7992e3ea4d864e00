import tap, { type Test } from "tap";

import { clientOf } from "../support/cms/client.ts";
import { breaches, docsOf, faceOf, isJson, SLUGS, startSite, type Law } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";

// An uploaded file is a record with bytes, both of one tenant. Tenant n has media 3n-2 to 3n, and file n.

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const A: Law = { tenant: 1, scope: [1], key: "partnerA" };
const a = site.as("partnerA");
const editor = clientOf(site.cms.url, `users API-Key ${site.cms.keys.admin}`);

/** Asserts that every file of every tenant is still served. */
async function holdsAllFiles(t: Test): Promise<void> {
  const paths = ["a", "b", "c", "d"].flatMap((letter) => [
    ...[1, 2, 3].map((n) => `/api/media/file/${letter}-${n}.png`),
    `/api/files/file/${letter}-note.txt`,
  ]);
  for (const path of paths) {
    const answer = await editor.call(path);
    t.equal(answer.status, 200, path);
    t.ok((await answer.arrayBuffer()).byteLength > 60, path);
  }
}

await tap.test("each partner lists and reads only the files of its tenant", async (t) => {
  for (const [index, key] of (["partnerA", "partnerB", "partnerC", "partnerD"] as const).entries()) {
    const own = index + 1;
    const slug = `${SLUGS[own]}`;
    const media = docsOf(await site.as(key).ask("GET", `${slug}/media?limit=100`));
    t.strictSame(
      media.map(({ id, tenant }) => [id, tenant]),
      [own * 3, own * 3 - 1, own * 3 - 2].map((id) => [id, own]),
    );
    const files = docsOf(await site.as(key).ask("GET", `${slug}/files?limit=100`));
    t.strictSame(
      files.map(({ id, tenant }) => [id, tenant]),
      [[own, own]],
    );
    for (let id = 1; id <= 12; id += 1) {
      const reply = await site.as(key).ask("GET", `${slug}/media/${id}`);
      t.equal(reply.status, Math.ceil(id / 3) === own ? 200 : 404, `${key} media ${id}`);
    }
  }
});

await tap.test("a write to another tenant's file is answered as missing, and the file stays", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const [foreign, missing] of [
    ["media/4", "media/99999"],
    ["media/7", "media/99999"],
    ["files/2", "files/99999"],
  ]) {
    for (const method of ["PATCH", "PUT", "DELETE"]) {
      const sent = method === "DELETE" ? {} : { body: { alt: "by A", title: "by A", tenant: 1 } };
      const refused = await a.ask(method, `tenant-a/${foreign}`, sent);
      t.equal(refused.status, 404, `${method} ${foreign}`);
      t.equal(faceOf(refused), faceOf(await a.ask(method, `tenant-a/${missing}`, sent)));
    }
  }
  t.strictSame(breaches(site.cms.takeRequests(), A), []);
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
  await holdsAllFiles(t);
});

await tap.test("an own file can be updated, and is deleted with its bytes", async (t) => {
  const described = await a.ask("PATCH", "tenant-a/media/1", { body: { alt: "new", tenant: 2 } });
  t.match(described, { status: 200, json: { id: 1, tenant: 1, alt: "new", filename: "a-1.png" } });
  t.match(await a.ask("DELETE", "tenant-a/media/1"), { status: 200, json: { id: 1, tenant: 1 } });
  t.not((await editor.call("/api/media/file/a-1.png")).status, 200);
  t.equal((await editor.call("/api/media/file/b-1.png")).status, 200);
});

await tap.test("a relation to another tenant's image shows its id only", async (t) => {
  // Page 3 is A's and its hero, media 7, is C's.
  for (const depth of [0, 1, 2, 10]) {
    const read = await a.ask("GET", `tenant-a/pages/3?depth=${depth}`);
    t.equal(read.json["hero"], 7);
    t.notMatch(read.text, /c-1\.png|C media/);
  }
  const written = await a.ask("PATCH", "tenant-a/pages/4?depth=2", { body: { hero: 10 } });
  t.equal(written.status, 422, "a write cannot set such a relation");
  const { hero } = (await a.ask("GET", "tenant-a/pages/1?depth=1")).json;
  t.match(isJson(hero) ? hero : {}, { id: 1, tenant: 1, filename: "a-1.png" }, "an own image is shown");
});

await tap.test("file bytes are served neither under /partners nor natively with a key", async (t) => {
  for (const path of [
    "media/file/a-1.png",
    "media/file",
    "media/paste-url",
    "media/paste-url?src=http://127.0.0.1:1",
  ]) {
    t.match(
      await a.ask("GET", `tenant-a/${path}`),
      { status: 404, json: { message: "Route not found" } },
      path,
    );
  }
  t.equal((await a.call("GET", "/api/media/file/a-1.png")).status, 403);
  const seen = site.cms.takeRequests().filter(({ path }) => path.startsWith("/api/media"));
  t.strictSame(seen, []);
});
