import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";

import t, { type Test } from "tap";

import { rawConnect, rawRequest } from "../../support/raw.ts";
import { startFront } from "./front.ts";

// What has to be done before a client may learn how its request ended: done once, and however it ended.

/** A CMS that answers as told. */
async function origin(t: Test, listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return new URL(`http://127.0.0.1:${address.port}`);
}

/** A proxy whose requests all have something to be done first, which ends when `release` is called. */
async function settling(t: Test, listener: RequestListener, limits: { firstByteTimeoutMs?: number } = {}) {
  const outcomes: boolean[] = [];
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const asked: string[] = [];
  const front = await startFront(t, await origin(t, listener), {
    ...limits,
    beforeAnswer: ({ method, target, rawHeaders }) => {
      asked.push(`${method} ${target} ${rawHeaders.includes("x-mark")}`);
      return (isSettled) => {
        outcomes.push(isSettled);
        return promise;
      };
    },
  });
  return { front, outcomes, release, asked };
}

const hangsUp: RequestListener = (request) => void request.socket.destroy();
const silent: RequestListener = () => undefined;
const pause = (ms: number) => new Promise<void>((resolve) => void setTimeout(resolve, ms));
const POST = [
  "POST /api/users?x=1 HTTP/1.1",
  "Host: cms",
  "x-mark: 1",
  "Content-Length: 2",
  "Connection: close",
];

t.test("an answer is not begun before what has to be done is done", async (t) => {
  const { front, outcomes, release, asked } = await settling(t, (request, response) => {
    request.resume();
    response.end("x".repeat(100_000));
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  while (outcomes.length === 0) await pause(10);
  await pause(100);
  t.equal(client.text(), "", "not a byte");
  t.strictSame(outcomes, [true]);
  release();
  const { text } = await client.end();
  t.match(text, /^HTTP\/1\.1 200 /);
  t.ok(text.length > 100_000, "and then all of it");
  t.strictSame(asked, ["POST /api/users?x=1 true"]);
  t.strictSame(outcomes, [true], "once");
});

t.test("a 5xx leaves the outcome open, a 4xx does not", async (t) => {
  for (const [status, isSettled] of [
    [403, true],
    [504, false],
  ] as const) {
    const { front, outcomes, release } = await settling(
      t,
      (_, response) => void response.writeHead(status).end(),
    );
    release();
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    t.match((await client.end()).text, new RegExp(`^HTTP/1.1 ${status}`));
    t.strictSame(outcomes, [isSettled]);
  }
});

t.test("a CMS that hangs up or stays silent: the error waits, too", async (t) => {
  for (const [listener, status] of [
    [hangsUp, 502],
    [silent, 504],
  ] as const) {
    const { front, outcomes, release } = await settling(t, listener, { firstByteTimeoutMs: 100 });
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    while (outcomes.length === 0) await pause(10);
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
  const { front, outcomes, release } = await settling(t, (_, response) => {
    response.writeHead(200, { "content-length": 10 });
    response.write("12345");
    setTimeout(() => response.destroy(), 50);
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  while (outcomes.length === 0) await pause(10);
  await pause(150);
  release();
  t.match((await client.end()).text, /^HTTP\/1\.1 502 /);
  t.equal(outcomes[0], true);
  t.equal(outcomes.length, 1);
});
