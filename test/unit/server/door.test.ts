import t from "tap";
import type { Answer } from "../../../src/core/envelope.ts";
import { rawConnect, rawExchange, rawRequest } from "../../support/raw.ts";
import { serve } from "./serve.ts";

const GET = ["GET /partners/2026-02/t/pages HTTP/1.1", "Host: gateway"];
const plain = (body: string): Answer => ({ status: 200, headers: {}, body });

t.test(
  "an answer that Node will not send is a 500 in the envelope, and takes no other with it",
  async (t) => {
    let count = 0;
    const { promise: both, resolve: meet } = Promise.withResolvers<void>();
    const { port, refused } = await serve(t, async () => {
      count += 1;
      const isFirst = count === 1;
      if (!isFirst) meet();
      // So that they are answered in one turn.
      await both;
      return isFirst ? { ...plain("a"), headers: { "x-bad": "\u0000" } } : plain("well");
    });
    const request = rawRequest([...GET, "Connection: close"]);
    const answers = await Promise.all([rawExchange(port, request), rawExchange(port, request)]);
    const [well = "", fault = ""] = answers.toSorted((a, b) => a.localeCompare(b));
    t.match(fault, /^HTTP\/1\.1 500 .*"error":/s);
    t.match(well, /^HTTP\/1\.1 200 .*well$/s);
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

t.test(
  "what is to be done afterwards is done when the answer is read, or its client gone, also before",
  async (t) => {
    const body = "x".repeat(20_000_000);
    let done = 0;
    const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
    const { port } = await serve(t, async ({ method, signal, afterwards }) => {
      if (method === "DELETE") {
        signal.addEventListener("abort", leave);
        await gone;
      }
      afterwards(() => (done += 1));
      return plain(body);
    });
    const client = await rawConnect(port);
    client.socket.once("data", () => client.socket.pause());
    client.send(rawRequest([...GET, "Connection: close"]));
    await new Promise((resolve) => void setTimeout(resolve, 200));
    t.equal(done, 0, "not read yet");
    client.socket.resume();
    await client.end();
    t.equal(done, 1);
    const leaving = await rawConnect(port);
    leaving.send(rawRequest([GET[0]?.replace("GET", "DELETE") ?? "", "Host: gateway"]));
    await new Promise((resolve) => void setTimeout(resolve, 100));
    leaving.socket.resetAndDestroy();
    await gone;
    await new Promise((resolve) => void setTimeout(resolve, 10));
    t.equal(done, 2);
  },
);
