import type { RequestListener } from "node:http";

import t from "tap";

import { rawConnect, rawRequest } from "../../support/raw.ts";
import { pause, POST, settling } from "./settling.ts";

// What has to be done before a client may learn how its request ended: done however it ended.

const hangsUp: RequestListener = (request) => void request.socket.destroy();
const silent: RequestListener = () => undefined;

t.test("an answer is not begun before what has to be done is done", async (t) => {
  const { front, outcomes, release, asked, called } = await settling(t, (request, response) => {
    request.resume();
    response.end("x".repeat(10_000));
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await called(1);
  await pause(100);
  t.equal(client.text(), "", "not a byte");
  t.strictSame(outcomes, [true]);
  release();
  const { text } = await client.end();
  t.match(text, /^HTTP\/1\.1 200 /);
  t.ok(text.length > 10_000, "and then all of it");
  t.strictSame(asked, ["POST /api/users?x=1 true"]);
  t.strictSame(outcomes, [true], "once");
});

t.test("a 5xx leaves the outcome open, a 4xx does not", async (t) => {
  for (const [status, isSettled] of [
    [403, true],
    [504, false],
  ] as const) {
    const { front, outcomes, release, called } = await settling(
      t,
      (_, response) => void response.writeHead(status).end(),
    );
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await called(1);
    release();
    t.match((await client.end()).text, new RegExp(`^HTTP/1.1 ${status}`));
    t.strictSame(outcomes, [isSettled]);
  }
});

t.test("a CMS that hangs up or stays silent: the error waits, too", async (t) => {
  for (const [listener, status] of [
    [hangsUp, 502],
    [silent, 504],
  ] as const) {
    const { front, outcomes, release, called } = await settling(t, listener, { firstByteTimeoutMs: 100 });
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await called(1);
    await pause(300);
    t.equal(client.text(), "");
    t.strictSame(outcomes, [false]);
    release();
    t.match((await client.end()).text, new RegExp(`^HTTP/1.1 ${status}`));
  }
});

t.test("a client that leaves, before or in the middle of its body, leaves the outcome open", async (t) => {
  for (const body of ["{}", "{"]) {
    const { front, outcomes } = await settling(t, () => undefined);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, body));
    await pause(50);
    client.socket.destroy();
    await pause(100);
    t.strictSame(outcomes, [false]);
  }
});

t.test("an answer that breaks off meanwhile is an error, not half an answer", async (t) => {
  const { front, outcomes, release, called } = await settling(t, (_, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("12345");
    setTimeout(() => response.destroy(), 50);
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await called(1);
  await pause(150);
  release();
  await called(2);
  release();
  t.match((await client.end()).text, /^HTTP\/1\.1 502 /);
  t.strictSame(outcomes, [true, false], "what the CMS has done since is open");
});
