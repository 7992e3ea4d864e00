import t from "tap";

import { rawConnect, rawRequest } from "../../support/raw.ts";
import { pause, POST, settling } from "./settling.ts";

// How long the CMS is waited for: its own silence counts, and nothing else.

const LIMITS = { firstByteTimeoutMs: 150 };

t.test("what a client sends meanwhile gives a silent CMS no more time", async (t) => {
  for (const head of [["GET /api/posts HTTP/1.1", "Host: cms"], POST]) {
    const { front, release } = await settling(t, (request) => void request.resume(), LIMITS);
    const client = await rawConnect(front.port);
    client.send(rawRequest(head, head === POST ? "{}" : ""));
    for (let i = 0; i < 100 && client.text() === ""; i += 1) {
      client.send("\r\n");
      release();
      await pause(20);
    }
    t.match(client.text(), /^HTTP\/1\.1 504 /, String(head[0]));
    client.socket.destroy();
  }
});

t.test("an answer that waits for what has to be done is not late", async (t) => {
  const { front, outcomes, release, called } = await settling(
    t,
    (request, response) => {
      request.resume();
      response.end("done");
    },
    LIMITS,
  );
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await called(1);
  await pause(500);
  t.equal(client.text(), "");
  release();
  t.match((await client.end()).text, /^HTTP\/1\.1 200 [^]*done/);
  t.strictSame(outcomes, [true]);
});

t.test("an error that comes while something is being done waits for that", async (t) => {
  const { front, outcomes, release, called } = await settling(t, (request, response) => {
    request.resume();
    response.writeHead(200, { "content-length": 10 }).write("12345");
    setTimeout(() => response.destroy(), 200);
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await called(1);
  await pause(400);
  t.equal(client.text(), "");
  release();
  await called(2);
  release();
  t.match((await client.end()).text, /^HTTP\/1\.1 502 /);
  t.strictSame(outcomes, [true, false]);
});
