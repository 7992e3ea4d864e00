/**
 * Attack: a receiver at either end reads nothing while the other end has hundreds of megabytes to send.
 * Amplifier: a proxy that reads more than it can write: one slow receiver and one fast sender fill its
 * memory.
 * Defence: the gateway reads a sender only as fast as its receiver reads, and times out a receiver that reads
 * nothing.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import t from "tap";
import { badOrigin } from "../support/bad-origin.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import { pour, untilStill } from "../support/pour.ts";
import { closed, endIdleTime, serverEnd } from "../support/server-end.ts";
import { until } from "../support/until.ts";
import { ask, startFront, startOrigin } from "../unit/http/proxy/front.ts";

const GET = rawRequest(["GET /api/posts HTTP/1.1", "Host: h"]);
const UPGRADE = rawRequest(["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"]);
/** Longer than any test: `endIdleTime` ends it. */
const IDLE_MS = 3_600_000;
/** A small request besides those under test, and its response. */
const SMALL = "GET /small ";
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
/**
 * How many bytes a sender has to send, and how many of them buffers (mostly the kernel's) take while the
 * receiver reads nothing.
 */
const MOST = 200_000_000;
const CHUNK = Buffer.alloc(65_536);
const FEW = 60_000_000;

t.test("ends an upload with 504 if the CMS stops reading it", async (t) => {
  const origin = await badOrigin((socket, head) => {
    if (head.startsWith(SMALL)) socket.write(OK);
    else socket.pause();
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url, { idleTimeoutMs: IDLE_MS });
  const client = await rawConnect(front.port);
  const end = await serverEnd(client);
  client.send(rawRequest(["POST /api/media HTTP/1.1", "Host: h", `Content-Length: ${String(MOST)}`]));
  client.send(Buffer.alloc(MOST - 1));
  const read = await untilStill(
    () => end.bytesRead,
    () => ask(front, { path: "/small" }),
  );
  t.ok(read < FEW, `stopped after ${String(read)} bytes`);
  endIdleTime(end, IDLE_MS);
  t.match(await client.until(/\}$/), /^HTTP\/1\.1 504 /);
  t.match(front.failures, [{ code: "upstream.timeout" }]);
  client.socket.destroy();
});

t.test(
  "a client that stops reading pauses the CMS's response, and is disconnected after the idle timeout",
  async (t) => {
    let sent = (): number => 0;
    let answer: ServerResponse | undefined;
    const origin = await startOrigin(t, (request, response) => {
      if (request.url === "/small") response.end();
      else {
        answer = response;
        sent = pour(response, CHUNK, MOST);
      }
    });
    const front = await startFront(t, origin.url, { idleTimeoutMs: IDLE_MS });
    const client = await rawConnect(front.port);
    client.socket.pause();
    client.send(GET);
    const pouring = await until("the request at the CMS", () => answer);
    await untilStill(
      () => sent(),
      () => ask(front, { path: "/small" }),
    );
    t.ok(sent() > 0 && sent() < FEW, `stopped after ${String(sent())} bytes`);
    const cancelled = closed(pouring);
    endIdleTime(await serverEnd(client), IDLE_MS);
    await inTime(cancelled, () => "the answer to be cancelled");
    t.match(front.failures, [{ code: "request.stalled" }]);
    client.socket.destroy();
  },
);

t.test("a large rejection of a handshake is sent as fast as the client reads", async (t) => {
  let sent = (): number => 0;
  let peer: Socket | undefined;
  const origin = await badOrigin((socket, head) => {
    if (head.startsWith(SMALL)) {
      socket.write(OK);
      return;
    }
    peer = socket;
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(MOST)}\r\n\r\n`);
    sent = pour(socket, CHUNK, MOST);
  });
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url, { idleTimeoutMs: IDLE_MS });
  const client = await rawConnect(front.port);
  client.socket.pause();
  client.send(UPGRADE);
  const pouring = await until("the handshake", () => peer);
  await untilStill(
    () => sent(),
    () => ask(front, { path: "/small" }),
  );
  t.ok(sent() > 0 && sent() < FEW, `stopped after ${String(sent())} bytes`);
  const cut = closed(pouring);
  endIdleTime(await serverEnd(client), IDLE_MS);
  await inTime(cut, () => "the connection to the CMS to close");
  client.socket.destroy();
});
