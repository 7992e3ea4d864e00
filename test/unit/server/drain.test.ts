import type { Duplex } from "node:stream";
import t from "tap";
import { inTime, rawConnect, rawRequest } from "../../support/raw.ts";
import { serve } from "./serve.ts";

const HOUR = 3_600_000;
const GET = rawRequest(["GET /partners/2026-02/t/pages HTTP/1.1", "Host: h"]);
const ok = () => Promise.resolve({ status: 200, headers: {}, body: "ok" });

t.test("a drain does not wait for a connection on which nothing has come", async (t) => {
  const server = await serve(t, ok, { headersTimeout: HOUR });
  const client = await rawConnect(server.port);
  const drained = server.drain(HOUR);
  t.match(await inTime(client.end(), () => "its end", 5_000), { text: "", reset: false });
  await inTime(drained, () => "the end of the drain", 5_000);
});

t.test("but takes what a client has sent before it knew", async (t) => {
  for (let i = 0; i < 20; i++) {
    const server = await serve(t, ok);
    const client = await rawConnect(server.port);
    client.send(GET);
    // Node has taken the connection by then, and read nothing.
    if (i % 2 === 0) await new Promise((resolve) => void setImmediate(resolve));
    const drained = server.drain(HOUR);
    t.match(await client.end(), { text: /close\r\n[^]*ok$/i, reset: false });
    await drained;
  }
});

t.test("and for half a head no longer than for any other, but for a tunnel", async (t) => {
  const upgrade = (_: unknown, socket: Duplex): void => {
    socket.write("tunnel");
    socket.once("end", () => socket.end()).resume();
  };
  const server = await serve(t, ok, { headersTimeout: 1_500, upgrade });
  const [fresh, kept, tunnel] = [
    await rawConnect(server.port),
    await rawConnect(server.port),
    await rawConnect(server.port),
  ];
  fresh.send(GET.slice(0, 20));
  kept.send(GET);
  await kept.until(/ok$/);
  kept.send(GET.slice(0, 20));
  tunnel.send(rawRequest(["GET /api/x HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"]));
  await tunnel.until(/tunnel/);
  const late = await rawConnect(server.port);
  late.send(GET.slice(0, 20));
  const drained = server.drain(HOUR);
  await new Promise((resolve) => void setTimeout(resolve, 500));
  late.send(GET.slice(20));
  t.match(await late.end(), { text: /close\r\n[^]*ok$/i, reset: false });
  await inTime(Promise.all([fresh.end(), kept.end()]), () => "the end of both", 10_000);
  t.equal(tunnel.socket.closed, false);
  tunnel.socket.end();
  await inTime(drained, () => "the end of the drain", 5_000);
});
