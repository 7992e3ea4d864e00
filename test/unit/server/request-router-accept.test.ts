import { once } from "node:events";
import { createServer } from "node:http";
import t, { type Test } from "tap";
import type { NativeProxy } from "../../../src/http/proxy/proxy.ts";
import { AcceptBatcher } from "../../../src/server/accept-batcher.ts";
import { ClientConnections } from "../../../src/server/client-connections.ts";
import { RequestRouter, type Routes } from "../../../src/server/request-router.ts";
import { handClock } from "../../support/clock.ts";
import { rawConnect, rawExchange, rawRequest } from "../../support/raw.ts";
import { until as waitUntil } from "../../support/until.ts";

/**
 * A router that gets new connections in every turn until `release`, with the number of requests that passed and the
 * number of bytes that arrived.
 */
async function serveCrowded(t: Test) {
  const passed = { partners: 0, native: 0 };
  const came = { requests: 0, unreadable: 0, closed: 0 };
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
  let ways: Routes = { gateway, native, nativePrefixes: ["/api"], refusesNativeKeys: true, bodyPause: 1_000 };
  // The clock stands still, so that the wait does not end.
  const batcher = new AcceptBatcher(() => 0);
  const connections = new ClientConnections(100);
  const options = { ways: () => ways, onRefused: () => undefined, clock: handClock() };
  const router = new RequestRouter(options, connections, batcher);
  const server = createServer({ optimizeEmptyRequests: true }, (request, response) => {
    came.requests += 1;
    router.enter(request, response, false);
  });
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => (came.closed += 1));
  });
  server.on("clientError", (error, socket) => {
    came.unreadable += 1;
    router.refuseUnreadable(error, socket);
  });
  let isCrowded = true;
  const crowd = (): void => {
    if (!isCrowded) return;
    batcher.taken();
    setImmediate(crowd);
  };
  crowd();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const release = (): void => void (isCrowded = false);
  /** Resolves when so much has come. */
  const until = (what: keyof typeof came, count: number) =>
    waitUntil(`${count} ${what}`, () => came[what] >= count);
  const reload = (others: Partial<Routes>): void => void (ways = { ...ways, ...others });
  return { port, passed, release, until, reload };
}

const PARTNERS = rawRequest(["GET /partners/2026-02/t/pages HTTP/1.1", "Host: gateway"]);
const NATIVE = rawRequest(["DELETE /api/pages/1 HTTP/1.1", "Host: gateway"]);
const WITH_BODY = rawRequest(
  ["POST /api/pages HTTP/1.1", "Host: gateway", "Content-Length: 2", "Connection: close"],
  "{}",
);

t.test("delays requests while connections are accepted, then serves them", async (t) => {
  const { port, passed, release, until } = await serveCrowded(t);
  const clients = [await rawConnect(port), await rawConnect(port)];
  clients[0]?.send(PARTNERS);
  clients[1]?.send(NATIVE);
  await until("requests", 2);
  // Served at once, since it has a body. Without the delay the others would have started before it.
  t.match(await rawExchange(port, WITH_BODY), /served$/);
  t.strictSame(passed, { partners: 0, native: 1 });
  release();
  for (const client of clients) {
    t.match(await client.until(/served/), /^HTTP\/1\.1 200 /);
    client.socket.destroy();
  }
  t.strictSame(passed, { partners: 1, native: 2 });
});

t.test("a request that waits during a reload uses the new routes, since the old may be closed", async (t) => {
  const { port, passed, release, until, reload } = await serveCrowded(t);
  const client = await rawConnect(port);
  client.send(PARTNERS);
  await until("requests", 1);
  reload({ gateway: () => Promise.resolve({ status: 200, headers: {}, body: "of the new one" }) });
  release();
  t.match(await client.until(/\r\n\r\n.+/), /of the new one$/);
  t.strictSame(passed, { partners: 0, native: 0 });
  client.socket.destroy();
});

t.test("a request of a disconnected client is not processed, on either route", async (t) => {
  const { port, passed, release, until } = await serveCrowded(t);
  const sent = [PARTNERS, NATIVE, PARTNERS + PARTNERS, NATIVE + NATIVE];
  for (const [i, request] of sent.entries()) {
    const client = await rawConnect(port);
    client.send(request);
    await until("requests", [1, 2, 4, 6][i] ?? 0);
    client.socket.resetAndDestroy();
    await until("closed", i + 1);
  }
  const last = await rawConnect(port);
  last.send(PARTNERS);
  await until("requests", 7);
  release();
  // Its turn is after all of them.
  await last.until(/served/);
  last.socket.destroy();
  t.strictSame(passed, { partners: 1, native: 0 });
});

t.test("invalid bytes behind a waiting request are not answered in its place", async (t) => {
  const { port, passed, release, until } = await serveCrowded(t);
  const ends = [PARTNERS, NATIVE].map(async (request) => {
    const client = await rawConnect(port);
    client.send(`${request}no request\r\n\r\n`);
    return client.end();
  });
  await until("unreadable", 2);
  release();
  for (const { text } of await Promise.all(ends))
    t.match(text, /^HTTP\/1\.1 200 [^]*connection: close\r\n(?:(?!HTTP\/1)[^])*served$/i);
  t.strictSame(passed, { partners: 1, native: 1 });
});

t.test(
  "a request with a body starts at once, since the bytes read decide whether its connection is kept",
  async (t) => {
    const { port, passed, release } = await serveCrowded(t);
    t.match(await rawExchange(port, WITH_BODY), /^HTTP\/1\.1 200 /);
    t.strictSame(passed, { partners: 0, native: 1 });
    release();
  },
);
