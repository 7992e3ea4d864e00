import { once } from "node:events";
import { createServer } from "node:http";
import t, { type Test } from "tap";
import type { NativeProxy } from "../../../src/native/proxy.ts";
import { Backlog } from "../../../src/server/backlog.ts";
import { Connections } from "../../../src/server/connections.ts";
import { Door, type Ways } from "../../../src/server/door.ts";
import { handClock } from "../../support/clock.ts";
import { rawConnect, rawRequest } from "../../support/raw.ts";

/** A door before which connections come without end, until `release`; and how many requests got through it. */
async function serveCrowded(t: Test) {
  const passed = { partners: 0, native: 0 };
  const gateway = async () => {
    passed.partners += 1;
    return { status: 200, headers: {}, body: "served" };
  };
  const native: NativeProxy = {
    web: (_, response) => {
      passed.native += 1;
      response.end("served");
    },
    upgrade: () => undefined,
    close: () => Promise.resolve(),
  };
  let ways: Ways = { gateway, native, nativePrefixes: ["/api"], refusesNativeKeys: true, bodyPause: 1_000 };
  // Its time stands still, so that its patience does not end.
  const backlog = new Backlog(() => 0);
  const connections = new Connections(100);
  const door = new Door(
    { ways: () => ways, onRefused: () => undefined, clock: handClock() },
    connections,
    backlog,
  );
  const server = createServer({ optimizeEmptyRequests: true }, (request, response) =>
    door.enter(request, response, false),
  );
  server.on("connection", (socket) => connections.add(socket));
  server.on("clientError", (error, socket) => door.refuseUnreadable(error, socket));
  let isCrowded = true;
  const crowd = (): void => {
    if (!isCrowded) return;
    backlog.taken();
    setImmediate(crowd);
  };
  crowd();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const release = async (): Promise<void> => {
    isCrowded = false;
    await new Promise((resolve) => void setTimeout(resolve, 50));
  };
  const reload = (others: Partial<Ways>): void => void (ways = { ...ways, ...others });
  return { port, passed, release, reload };
}

const PARTNERS = rawRequest(["GET /partners/2026-02/t/pages HTTP/1.1", "Host: gateway"]);
const NATIVE = rawRequest(["DELETE /api/pages/1 HTTP/1.1", "Host: gateway"]);

/** Time for what was sent to be read. */
const read = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 50));

t.test("requests wait while connections come, and are served then", async (t) => {
  const { port, passed, release } = await serveCrowded(t);
  const clients = [await rawConnect(port), await rawConnect(port)];
  clients[0]?.send(PARTNERS);
  clients[1]?.send(NATIVE);
  await read();
  t.strictSame(passed, { partners: 0, native: 0 });
  await release();
  for (const client of clients) {
    t.match(await client.until(/served/), /^HTTP\/1\.1 200 /);
    client.socket.destroy();
  }
  t.strictSame(passed, { partners: 1, native: 1 });
});

t.test(
  "a request that waits while the configuration is reloaded goes the new ways: the old may be closed",
  async (t) => {
    const { port, passed, release, reload } = await serveCrowded(t);
    const client = await rawConnect(port);
    client.send(PARTNERS);
    await read();
    reload({ gateway: () => Promise.resolve({ status: 200, headers: {}, body: "of the new one" }) });
    await release();
    t.match(await client.until(/\r\n\r\n.*/), /of the new one$/);
    t.strictSame(passed, { partners: 0, native: 0 });
    client.socket.destroy();
  },
);

t.test("what a client that has left had asked for is not done, on either way", async (t) => {
  const { port, passed, release } = await serveCrowded(t);
  for (const request of [PARTNERS, NATIVE, PARTNERS + PARTNERS, NATIVE + NATIVE]) {
    const client = await rawConnect(port);
    client.send(request);
    await read();
    client.socket.resetAndDestroy();
    await client.end();
  }
  await read();
  await release();
  t.strictSame(passed, { partners: 0, native: 0 });
});

t.test("bytes that are no request, behind one that waits, are not answered in its place", async (t) => {
  const { port, passed, release } = await serveCrowded(t);
  const ends = [PARTNERS, NATIVE].map(async (request) => {
    const client = await rawConnect(port);
    client.send(`${request}no request\r\n\r\n`);
    return client.end();
  });
  await read();
  await release();
  for (const { text } of await Promise.all(ends))
    t.match(text, /^HTTP\/1\.1 200 [^]*connection: close\r\n(?:(?!HTTP\/1)[^])*served$/i);
  t.strictSame(passed, { partners: 1, native: 1 });
});

t.test(
  "a request with a body does not wait: what was read of that decides about its connection",
  async (t) => {
    const { port, passed, release } = await serveCrowded(t);
    const lines = ["POST /api/pages HTTP/1.1", "Host: gateway", "Content-Length: 2", "Connection: close"];
    const client = await rawConnect(port);
    client.send(rawRequest(lines, "{}"));
    t.match((await client.end()).text, /^HTTP\/1\.1 200 /);
    t.strictSame(passed, { partners: 0, native: 1 });
    await release();
  },
);
