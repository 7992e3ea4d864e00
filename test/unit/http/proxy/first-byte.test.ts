import { once } from "node:events";
import type { Socket } from "node:net";

import t from "tap";

import { rawConnect, rawRequest } from "../../../support/raw.ts";
import { until } from "../../../support/until.ts";
import { FIRST_BYTE_MS, POST, settling } from "./settling.ts";

// The first-byte timeout depends on the CMS's silence alone.

t.test("bytes from the client do not extend the timeout of a silent CMS", async (t) => {
  for (const head of [["GET /api/posts HTTP/1.1", "Host: cms"], POST]) {
    const { front, outcomes, called, release, waits, move, roundTrip } = await settling(t, (request) => {
      request.resume();
    });
    const accepted = once(front.server, "connection");
    const client = await rawConnect(front.port);
    const [socket]: Socket[] = await accepted;
    client.send(rawRequest(head, head === POST ? "{}" : ""));
    await waits();
    move(FIRST_BYTE_MS - 1);
    const before = socket?.bytesRead ?? 0;
    client.send("\r\n");
    await until("the client's bytes at the proxy", () => socket?.bytesRead === before + 2);
    await roundTrip();
    t.strictSame([client.text(), outcomes], ["", []], "the CMS still has its whole timeout");
    move(1);
    await called(1);
    release();
    t.match(await client.until(/\r\n\r\n/), /^HTTP\/1\.1 504 /, String(head[0]));
    client.socket.destroy();
  }
});

t.test("an answer that waits for work before it does not time out", async (t) => {
  const { front, outcomes, release, called, move, roundTrip } = await settling(t, (request, response) => {
    request.resume();
    response.end("done");
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await called(1);
  move(2 * FIRST_BYTE_MS);
  await roundTrip();
  t.equal(client.text(), "");
  release();
  t.match((await client.end()).text, /^HTTP\/1\.1 200 [^]*done/);
  t.strictSame(outcomes, [true]);
});
