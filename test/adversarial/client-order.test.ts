/**
 * Attack: pipelined requests: writes that could overtake each other, writes after a request with `Connection:
 * close`, and a later request whose response breaks off while an earlier one has none.
 * Amplifier: the first of two writes wins. Or a write is carried out and never answered. Or a connection that
 * no timeout closes occupies one of `server.maxConnections` for good.
 * Defence: the gateway starts a request only after the previous one is answered, and none after the last. A
 * response that breaks off closes the connection.
 */
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, resetsMidway, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import { rawConnect, rawRequest } from "../support/raw.ts";
import { unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

const CONNECTIONS = 20;

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

const AUTH = `Authorization: users API-Key ${cms.keys.partnerA}`;
const POSTS = "/partners/2026-02/tenant-a/posts";

const LAST = "Connection: close";

/** A partner's write of a title as bytes; `to` is its method and what follows the collection. */
function write(to: readonly [string, string], title: string, ...more: string[]): string {
  const [method, path] = to;
  const text = JSON.stringify({ title });
  const head = [`${method} ${POSTS}${path} HTTP/1.1`, "Host: h", AUTH, `Content-Length: ${text.length}`];
  return rawRequest([...head, ...more], text);
}

t.test("pipelined writes reach the CMS in their order, however long the first takes", async (t) => {
  const gateway = await startTestGateway(line.url, unhurried({ partners: { collections: ["posts"] } }));
  t.teardown(() => gateway.stop());
  const { id } = await cms.payload.create({ collection: "posts", data: { tenant: 1, title: "zero" } });
  for (const method of ["PATCH", "DELETE"]) {
    const held: (() => void)[] = [];
    line.stage((request) => void held.push(() => carries(request)), new RegExp(`^${method} `));
    t.teardown(() => line.stage(carries));
    const from = line.asked.length;
    const client = await rawConnect(gateway.port);
    const last = write(["POST", ""], "made", LAST);
    client.send(
      write([method, `/${id}`], "one") + (method === "PATCH" ? write([method, `/${id}`], "two") : "") + last,
    );
    await until("the first write at the CMS", () => held.length >= 1);
    // A write that had already started would reach the CMS before this request is answered.
    t.equal((await fetch(`${gateway.url}/admin`)).status, 200);
    t.equal(held.length, 1);
    line.stage(carries);
    for (const go of held) go();
    t.match((await client.end()).text, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 201 /);
    const writes = line.asked
      .slice(from)
      .map((asked) => asked.split(" ", 1)[0])
      .filter((one) => one !== "GET");
    t.strictSame(writes, method === "PATCH" ? ["PATCH", "PATCH", "POST"] : ["DELETE", "POST"]);
    if (method === "PATCH")
      t.match(await cms.payload.findByID({ collection: "posts", id }), { title: "two" });
  }
});

t.test("does not carry out a write after a request with Connection: close", async (t) => {
  const gateway = await startTestGateway(line.url, unhurried({ partners: { collections: ["posts"] } }));
  t.teardown(() => gateway.stop());
  const { totalDocs } = await cms.payload.count({ collection: "posts" });
  const client = await rawConnect(gateway.port);
  client.send(write(["POST", ""], "last", LAST) + write(["POST", ""], "behind"));
  t.match((await client.end()).text, /^HTTP\/1\.1 201 (?:(?!HTTP\/1)[^])*$/, "one response");
  t.equal((await fetch(`${gateway.url}/admin`)).status, 200);
  t.equal((await cms.payload.count({ collection: "posts" })).totalDocs, totalDocs + 1);
});

t.test("a response that breaks off closes the connection, whatever was sent before it", async (t) => {
  const server = { maxConnections: CONNECTIONS, idleTimeout: "1h", keepAliveTimeout: "1h" };
  const gateway = await startTestGateway(line.url, unhurried({ server }));
  t.teardown(async () => {
    line.stage(carries);
    await gateway.stop();
  });
  const held: (() => void)[] = [];
  line.stage((request) => {
    if (request.head.startsWith("GET /admin?broken")) resetsMidway(request);
    else held.push(() => carries(request));
  }, /^GET \/admin/);
  const clients = await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const client = await rawConnect(gateway.port);
      client.send(
        ["/admin?held", "/admin?broken"].map((to) => rawRequest([`GET ${to} HTTP/1.1`, "Host: h"])).join(""),
      );
      return client;
    }),
  );
  await until("the first request of each at the CMS", () => held.length === CONNECTIONS);
  for (const go of held) go();
  for (const client of clients) t.match((await client.end()).text, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 200 /);
  line.stage(carries);
  const served = () =>
    fetch(`${gateway.url}/admin`).then(
      ({ status }) => status,
      () => 0,
    );
  await until("a new connection", async () => (await served()) === 200);
});
