import t, { type Test } from "tap";
import type { Answer } from "../../../src/core/envelope.ts";
import type { NativeProxy } from "../../../src/native/proxy.ts";
import { startServer } from "../../../src/server/server.ts";
import { rawConnect, rawExchange, rawRequest } from "../../support/raw.ts";

/** A server whose partner requests are answered so, and what it refused. */
async function serve(t: Test, gateway: () => Promise<Answer>) {
  const refused: string[] = [];
  const unused = (): never => {
    throw new Error("no native request is made here");
  };
  const native: NativeProxy = { web: unused, upgrade: unused, close: () => Promise.resolve() };
  const ways = { gateway, native, nativePrefixes: ["/api"], refusesNativeKeys: true, bodyPause: 1_000 };
  const server = await startServer(
    {
      ways: () => ways,
      onRefused: ({ error }) => refused.push(error.code),
      headersTimeout: 5_000,
      keepAliveTimeout: 5_000,
      idleTimeout: 5_000,
      maxHeaderSize: 16_384,
      maxHeaders: 100,
      maxConnections: 100,
      maxRequestsPerConnection: 100,
    },
    { host: "127.0.0.1", port: 0 },
  );
  t.teardown(() => server.drain(0));
  return { refused, port: server.port };
}

const GET = ["GET /partners/2026-02/t/pages HTTP/1.1", "Host: gateway"];
const plain = (body: string): Answer => ({ status: 200, headers: {}, body });

t.test(
  "an answer that Node will not send is a 500 in the envelope, and takes no other with it",
  async (t) => {
    let count = 0;
    const { port, refused } = await serve(t, async () => {
      count += 1;
      return count === 1 ? { ...plain("a"), headers: { "x-bad": "\u0000" } } : plain("well");
    });
    // Both in one segment, so that they are answered in one turn.
    const client = await rawConnect(port);
    client.send(rawRequest(GET) + rawRequest([...GET, "Connection: close"]));
    const { text } = await client.end();
    const [first = "", second = ""] = text.split(/(?=HTTP\/1\.1 )/);
    t.match(first, /^HTTP\/1\.1 500 .*"error":/s);
    t.match(second, /^HTTP\/1\.1 200 .*well$/s);
    t.strictSame(refused, ["gateway.fault"]);
  },
);

t.test("nor is a pipeline that rejects more than that", async (t) => {
  const { port, refused } = await serve(t, () => Promise.reject(new Error("a log that cannot be written")));
  t.match(await rawExchange(port, rawRequest([...GET, "Connection: close"])), /^HTTP\/1\.1 500 .*"error":/s);
  t.strictSame(refused, ["gateway.fault"]);
});

t.test("a client that has gone in the same turn is no fault", async (t) => {
  const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
  const { port, refused } = await serve(t, async () => {
    await gone;
    return plain("too late");
  });
  const client = await rawConnect(port);
  client.send(rawRequest(GET));
  await new Promise((resolve) => void setTimeout(resolve, 100));
  client.socket.resetAndDestroy();
  await client.end();
  leave();
  await new Promise((resolve) => void setTimeout(resolve, 100));
  t.strictSame(refused, []);
  t.match(await rawExchange(port, rawRequest([...GET, "Connection: close"])), /too late$/);
});
