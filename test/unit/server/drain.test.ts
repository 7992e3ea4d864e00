import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import t, { type Test } from "tap";
import type { NativeProxy } from "../../../src/http/proxy/proxy.ts";
import { handClock } from "../../support/clock.ts";
import { rawConnect, rawRequest } from "../../support/raw.ts";
import { PATIENCE_MS, until } from "../../support/until.ts";
import { serve } from "./serve.ts";

const HOUR = 3_600_000;
/** The time in a drain after which a connection without a read byte counts as unused. */
const UNUSED_AFTER_MS = 100;
const GET = rawRequest(["GET /partners/2026-02/t/pages HTTP/1.1", "Host: h"]);
const ok = () => Promise.resolve({ status: 200, headers: {}, body: "ok" });

/** A server whose drains use a clock that the test moves. */
async function serveByHand(t: Test, options: Partial<Pick<NativeProxy, "web" | "upgrade">> = {}) {
  const clock = handClock();
  const server = await serve(t, ok, { ...options, clock });
  /** Starts a drain; resolves with the promise of its end once its timers are set. */
  const drain = async (): Promise<{ readonly end: Promise<void> }> => {
    let isOver = false;
    const end = server.drain(HOUR).then(() => void (isOver = true));
    await until("the clock of the drain", () => clock.pending > 0 || isOver);
    return { end };
  };
  return { ...server, clock, drain };
}

t.test("a drain does not wait for a connection without a byte read", async (t) => {
  const { port, clock, drain } = await serveByHand(t);
  const client = await rawConnect(port);
  const drained = await drain();
  clock.move(UNUSED_AFTER_MS);
  t.match(await client.end(), { text: "", reset: false });
  await drained.end;
  t.equal(clock.pending, 0, "no timer is left");
});

t.test("a drain serves a request that the client sent before the drain was visible", async (t) => {
  for (const isTaken of [true, false]) {
    const { port, clock, drain } = await serveByHand(t);
    const client = await rawConnect(port);
    client.send(GET);
    // Node has accepted the connection by then and read nothing: another order of the same events.
    if (isTaken) await new Promise((resolve) => void setImmediate(resolve));
    const drained = await drain();
    t.match(await client.end(), { text: /close\r\n[^]*ok$/i, reset: false });
    await drained.end;
    t.equal(clock.pending, 0);
  }
});

t.test("a connection whose answer began before the drain is closed after that answer", async (t) => {
  let answer: ServerResponse | undefined;
  const web: NativeProxy["web"] = (_, response) => {
    answer = response;
    response.writeHead(200, { "content-length": 5 }).write("be");
  };
  const { port, clock, drain } = await serveByHand(t, { web });
  const client = await rawConnect(port);
  client.send(rawRequest(["GET /api/posts HTTP/1.1", "Host: h"]));
  await client.until(/be$/);
  const drained = await drain();
  answer?.end("gun");
  t.match(await client.end(), { text: /keep-alive[^]*begun$/i, reset: false });
  await drained.end;
  t.equal(clock.pending, 0);
});

t.test("a drain reads data that arrived while the process was suspended", async (t) => {
  const { port, clock, drain } = await serveByHand(t);
  const client = await rawConnect(port);
  const drained = await drain();
  client.send(GET);
  // The timers fire before the server has had a turn to read.
  clock.move(UNUSED_AFTER_MS);
  t.match(await client.end(), { text: /close\r\n[^]*ok$/i, reset: false });
  await drained.end;
});

t.test(
  "a drain closes a connection with half a head after the headers timeout, but not a tunnel",
  async (t) => {
    const upgrade = (_: unknown, socket: Duplex): void => {
      socket.write("tunnel");
      socket.once("end", () => socket.end()).resume();
    };
    const { port, clock, drain } = await serveByHand(t, { upgrade });
    const [fresh, kept, tunnel, late, silent] = [
      await rawConnect(port),
      await rawConnect(port),
      await rawConnect(port),
      await rawConnect(port),
      await rawConnect(port),
    ];
    fresh.send(GET.slice(0, 20));
    kept.send(GET);
    await kept.until(/ok$/);
    kept.send(GET.slice(0, 20));
    tunnel.send(rawRequest(["GET /api/x HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"]));
    await tunnel.until(/tunnel/);
    late.send(GET.slice(0, 20));
    const drained = await drain();
    clock.move(UNUSED_AFTER_MS);
    await silent.end();
    late.send(GET.slice(20));
    t.match(await late.end(), { text: /close\r\n[^]*ok$/i, reset: false });
    t.strictSame(
      [fresh.socket.closed, kept.socket.closed],
      [false, false],
      "their requests may still arrive",
    );
    clock.move(PATIENCE_MS);
    await Promise.all([fresh.end(), kept.end()]);
    t.equal(tunnel.socket.closed, false);
    tunnel.socket.end();
    await drained.end;
  },
);

t.test("a drain destroys the remaining connections at its limit", async (t) => {
  const upgrade = (_: unknown, socket: Duplex): void => void socket.write("tunnel");
  const { port, clock, drain } = await serveByHand(t, { upgrade });
  const tunnel = await rawConnect(port);
  tunnel.send(rawRequest(["GET /api/x HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"]));
  await tunnel.until(/tunnel/);
  const drained = await drain();
  clock.move(HOUR - 1);
  t.equal(tunnel.socket.closed, false);
  clock.move(1);
  t.match(await tunnel.end(), { text: /tunnel$/ });
  await drained.end;
});
