// Attack: a partner describes its own upload as another tenant's file, then reads or deletes that file
// through its record.
// Amplifier: Payload accepts a file's name, location and sizes in a JSON body, fetches a `url`, and deletes
// by name.
// Defence: partners cannot write a file's metadata, and the gateway rejects every form with a file.
import tap, { type Test } from "tap";

import { clientOf } from "../support/cms/client.ts";
import { breaches, objectOf, startSite, type Json, type Law } from "../support/isolation.ts";

const site = await startSite();
tap.teardown(() => site.close());
tap.beforeEach(() => site.cms.reset());

const a = site.as("partnerA");
const A: Law = { tenant: 1, scope: [1], key: "partnerA" };
const editor = clientOf(site.cms.url, `users API-Key ${site.cms.keys.admin}`);

/** Metadata of a file, with the values of C's file; `url` would make Payload fetch. */
const CLAIMS: readonly Json[] = [
  { filename: "c-1.png" },
  { filename: "../files/c-note.txt" },
  { filename: ["c-1.png"] },
  { url: `${site.cms.url}/api/media/file/c-1.png`, filename: "mine.png" },
  { url: "http://127.0.0.1:1/x.png" },
  { url: "/api/media/file/c-1.png" },
  { thumbnailURL: "/api/media/file/c-1.png" },
  { sizes: { thumbnail: { filename: "c-1.png", url: "/api/media/file/c-1.png" } } },
  { "sizes.thumbnail.filename": "c-1.png" },
  { "filename.": "c-1.png", ".filename": "c-1.png", "filename[0]": "c-1.png" },
  { mimeType: "text/html", filesize: 1, width: 9, height: 9 },
  { prefix: "../files", _objectKey: "c-1.png" },
  { filename: null, url: null, mimeType: null },
];

/** The record of A's own picture or note, as the CMS stores it. */
async function recordOf(collection: "media" | "files"): Promise<Json> {
  return { ...(await site.cms.payload.findByID({ collection, id: 1, depth: 0 })) };
}

/** Asserts that each tenant's first picture and note can still be downloaded. */
async function holdsFiles(t: Test, letters: string): Promise<void> {
  for (const letter of letters) {
    for (const path of [`/api/media/file/${letter}-1.png`, `/api/files/file/${letter}-note.txt`]) {
      const answer = await editor.call(path);
      t.equal(answer.status, 200, path);
      await answer.arrayBuffer();
    }
  }
}

for (const collection of ["media", "files"] as const) {
  await tap.test(`no metadata of a file in ${collection} can be written`, async (t) => {
    const { title: _, updatedAt: __, ...before } = await recordOf(collection);
    for (const claim of CLAIMS) {
      for (const method of ["PATCH", "PUT"]) {
        const name = `${method} ${JSON.stringify(claim)}`;
        const body = { title: name, ...claim };
        const reply = await a.ask(method, `tenant-a/${collection}/1?depth=0`, { body });
        t.match(reply, { status: 200, json: { id: 1, tenant: 1, title: name } }, name);
        const { title, updatedAt: ___, ...after } = await recordOf(collection);
        t.equal(title, name);
        t.strictSame(after, before, name);
        const requests = site.cms.takeRequests();
        t.strictSame(breaches(requests, A), [], name);
        const sent = requests.find((request) => request.method === "PATCH");
        t.strictSame(objectOf(sent?.body ?? ""), { title: name }, name);
      }
    }
    await holdsFiles(t, "abcd");
  });

  await tap.test(`deleting a record of ${collection} deletes its own file and no other`, async (t) => {
    for (const claim of CLAIMS) {
      await site.cms.reset();
      await a.ask("PATCH", `tenant-a/${collection}/1`, { body: claim });
      t.equal((await a.ask("DELETE", `tenant-a/${collection}/1`, { body: claim })).status, 200);
      await holdsFiles(t, "bcd");
    }
  });

  await tap.test(`creates no record of ${collection} from metadata, a URL or a form`, async (t) => {
    const count = async (): Promise<number> => (await site.cms.payload.count({ collection })).totalDocs;
    const before = await count();
    for (const claim of CLAIMS) {
      const reply = await a.ask("POST", `tenant-a/${collection}`, { body: { title: "made", ...claim } });
      t.ok([400, 422].includes(reply.status), JSON.stringify(claim));
    }
    const form =
      '--x\r\ncontent-disposition: form-data; name="file"; filename="c-1.png"\r\ncontent-type: image/png\r\n\r\nx\r\n--x--\r\n';
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    for (const [method, path] of [
      ["POST", collection],
      ["PATCH", `${collection}/1`],
    ] as const) {
      t.equal(
        (await a.ask(method, `tenant-a/${path}`, { headers, body: form })).status,
        400,
        `${method} of a form`,
      );
    }
    const requests = site.cms.takeRequests();
    t.strictSame(breaches(requests, A), []);
    t.notOk(
      requests.some(({ path }) => path.includes("/file/")),
      "nothing was fetched",
    );
    t.equal(await count(), before);
    await holdsFiles(t, "abcd");
  });
}
