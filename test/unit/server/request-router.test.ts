import t, { type Test } from "tap";
import type { Incoming } from "../../../src/core/context.ts";
import type { Answer } from "../../../src/core/envelope.ts";
import { rawConnect, rawExchange, rawRequest } from "../../support/raw.ts";
import { until } from "../../support/until.ts";
import { serve } from "./serve.ts";

const GET = ["GET /partners/2026-02/t/pages HTTP/1.1", "Host: gateway"];
const plain = (body: string): Answer => ({ status: 200, headers: {}, body });

t.test("an answer that Node refuses to send is a 500 in the envelope and affects no other", async (t) => {
  let count = 0;
  const { promise: both, resolve: meet } = Promise.withResolvers<void>();
  const { port, refused } = await serve(t, async () => {
    count += 1;
    const isFirst = count === 1;
    if (!isFirst) meet();
    // All are answered in one turn.
    await both;
    return isFirst ? { ...plain("a"), headers: { "x-bad": "\u0000" } } : plain("well");
  });
  const request = rawRequest([...GET, "Connection: close"]);
  const answers = await Promise.all([rawExchange(port, request), rawExchange(port, request)]);
  const [well = "", fault = ""] = answers.toSorted((a, b) => a.localeCompare(b));
  t.match(fault, /^HTTP\/1\.1 500 .*"error":/s);
  t.match(well, /^HTTP\/1\.1 200 .*well$/s);
  t.strictSame(refused, ["gateway.fault"]);
});

t.test("a pipeline that rejects is a 500 in the envelope", async (t) => {
  const { port, refused } = await serve(t, () => Promise.reject(new Error("a log that cannot be written")));
  t.match(await rawExchange(port, rawRequest([...GET, "Connection: close"])), /^HTTP\/1\.1 500 .*"error":/s);
  t.strictSame(refused, ["gateway.fault"]);
});

t.test("a client that disconnects in the same turn or before causes no fault", async (t) => {
  for (const isNoticed of [false, true]) {
    const { promise: gone, resolve: leave } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<Incoming>();
    const { port, refused, roundTrip } = await serve(t, async (request) => {
      begin(request);
      await gone;
      return plain("too late");
    });
    const client = await rawConnect(port);
    client.send(rawRequest(GET));
    const { signal } = await begun;
    client.socket.resetAndDestroy();
    if (isNoticed) await until("the server to notice", () => signal.aborted);
    leave();
    await roundTrip();
    t.strictSame(refused, []);
    t.match(await rawExchange(port, rawRequest([...GET, "Connection: close"])), /too late$/);
  }
});

/** A server that answers a GET with a large body, and any other request after its client has disconnected. */
async function serveLarge(t: Test) {
  const seen = { begun: 0, done: 0 };
  const server = await serve(t, async ({ method, signal, afterwards }) => {
    seen.begun += 1;
    if (method === "DELETE")
      await new Promise<void>((left) => signal.addEventListener("abort", () => left()));
    afterwards(() => (seen.done += 1));
    // More than the system's buffers between two sockets hold.
    return plain("x".repeat(20_000_000));
  });
  return { ...server, seen };
}

t.test("runs deferred tasks when the client has read the answer", async (t) => {
  const { port, seen, roundTrip } = await serveLarge(t);
  const client = await rawConnect(port);
  const { promise: answered, resolve: hear } = Promise.withResolvers<void>();
  client.socket.once("data", () => {
    client.socket.pause();
    hear();
  });
  client.send(rawRequest([...GET, "Connection: close"]));
  await answered;
  await roundTrip();
  t.equal(seen.done, 0, "not read yet");
  client.socket.resume();
  await client.end();
  await until("what is to be done", () => seen.done === 1);
});

t.test("runs deferred tasks even if the client disconnected before they were added", async (t) => {
  const { port, seen, roundTrip } = await serveLarge(t);
  const leaving = await rawConnect(port);
  leaving.send(rawRequest([GET[0]?.replace("GET", "DELETE") ?? "", "Host: gateway"]));
  await until("the request to begin", () => seen.begun === 1);
  await roundTrip();
  t.equal(seen.done, 0);
  leaving.socket.resetAndDestroy();
  await until("what is to be done", () => seen.done === 1);
  await roundTrip();
  t.equal(seen.done, 1, "once");
});
