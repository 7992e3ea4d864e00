import { createHash } from "node:crypto";
import { once } from "node:events";
import t from "tap";
import { WebSocket } from "ws";
import { startCms } from "../support/cms/server.ts";
import { startProgram } from "../support/program.ts";

/** An unmodified client: the requests of the admin panel, through the gateway's program, to the real CMS. */

const MB = 1_048_576;
/** The size of a large file, in megabytes. */
const SIZE = 32;
const cms = await startCms();
const gateway = await startProgram(cms.url);
t.teardown(async () => {
  gateway.signal("SIGTERM");
  await gateway.ended;
  await cms.close();
});

const login = await fetch(`${gateway.url}/api/users/login`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ email: "admin@cms.test", password: "admin-password" }),
});
const cookie = login.headers
  .getSetCookie()
  .map((line) => line.split(";")[0])
  .join("; ");

t.test("login sets the CMS's own cookie, and the cookie is a session", async (t) => {
  t.equal(login.status, 200);
  t.match(cookie, /^payload-token=/);
  const me: unknown = await (await fetch(`${gateway.url}/api/users/me`, { headers: { cookie } })).json();
  t.match(me, { user: { email: "admin@cms.test" }, strategy: "local-jwt" });
  const event = await fetch(`${gateway.url}/api/events/1?depth=0`, {
    method: "PATCH",
    headers: { cookie, "content-type": "application/json" },
    body: JSON.stringify({ title: "By an editor" }),
  });
  t.equal(event.status, 200);
  t.match(await cms.payload.findByID({ collection: "events", id: 1, depth: 0 }), { title: "By an editor" });
});

t.test("a large file is uploaded and downloaded whole, and by ranges", async (t) => {
  const chunk = Buffer.alloc(MB, "partners-gateway ");
  const file = new File(
    Array.from({ length: SIZE }, () => chunk),
    "large.bin",
    { type: "application/octet-stream" },
  );
  const form = new FormData();
  form.append("file", file);
  form.append("_payload", JSON.stringify({ tenant: 1, title: "large" }));
  const upload = await fetch(`${gateway.url}/api/files?depth=0`, {
    method: "POST",
    headers: { cookie },
    body: form,
  });
  t.equal(upload.status, 201);
  const url = `${gateway.url}/api/files/file/large.bin`;
  const download = await fetch(url, { headers: { cookie } });
  t.equal(download.status, 200);
  const got = createHash("sha256");
  let bytes = 0;
  for await (const part of download.body ?? []) {
    got.update(part);
    bytes += part.length;
  }
  const sent = createHash("sha256");
  for (let i = 0; i < SIZE; i++) sent.update(chunk);
  t.equal(bytes, SIZE * MB);
  t.equal(got.digest("hex"), sent.digest("hex"), "byte for byte");

  const range = await fetch(url, { headers: { cookie, range: "bytes=17-33" } });
  t.equal(range.status, 206);
  t.equal(range.headers.get("content-range"), `bytes 17-33/${SIZE * MB}`);
  t.equal(await range.text(), "partners-gateway ");
});

t.test("a WebSocket carries messages in both directions", async (t) => {
  const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/_next/webpack-hmr`, {
    headers: { cookie },
  });
  await once(socket, "open");
  socket.send("through the gateway");
  const [message]: Buffer[] = await once(socket, "message");
  t.equal(String(message), "through the gateway");
  socket.close();
  await once(socket, "close");
});
