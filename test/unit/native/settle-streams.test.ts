import type { RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";

import t from "tap";

import { rawConnect, rawRequest } from "../../support/raw.ts";
import { pause, POST, settling } from "./settling.ts";

// What has to be done before a client may learn how its request ended is done once more where the CMS went on after it
// had begun to answer.

/** A CMS that answers in two parts, the second one when it is told to. */
function inParts(headers: Record<string, number>, [first, last]: readonly [string, string]) {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const listener: RequestListener = (request, response) => {
    request.resume();
    response.writeHead(200, headers).write(first);
    void told.then(() => response.end(last));
  };
  return { listener, tell };
}

t.test("what the CMS does between head and end of its answer is done with before the end", async (t) => {
  for (const headers of [{ "content-length": 8 }, {}]) {
    const { listener, tell } = inParts(headers, ["one.", "two."]);
    const { front, outcomes, release, called } = await settling(t, listener);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await called(1);
    await pause(50);
    t.equal(client.text(), "", "not a byte");
    release();
    t.match(await client.until(/one\./), /^HTTP\/1\.1 200 /, "a stream is not held up");
    t.strictSame(outcomes, [true]);
    tell();
    await called(2);
    await pause(50);
    t.notMatch(client.text(), /two|\r\n0\r\n/, "neither the end nor what came with it");
    release();
    t.match((await client.end()).text, /two\.(?:\r\n0\r\n\r\n)?$/);
    t.strictSame(outcomes, [true, true]);
  }
});

t.test("an end close behind the head is one with it", async (t) => {
  const { front, outcomes, release, called } = await settling(t, (request, response) => {
    request.resume();
    response.write("one.");
    setTimeout(() => response.end("two."), 5);
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await called(1);
  await pause(50);
  t.equal(client.text(), "", "not a byte");
  release();
  t.match((await client.end()).text, /two\.\r\n0\r\n\r\n$/);
  t.strictSame(outcomes, [true], "once");
});

t.test("an end that comes while the head waits has its turn as well", async (t) => {
  for (const headers of [{ "content-length": 8 }, {}]) {
    const { listener, tell } = inParts(headers, ["one.", "two."]);
    const { front, outcomes, release, called } = await settling(t, listener);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await called(1);
    tell();
    await pause(50);
    release();
    await called(2);
    await pause(50);
    t.notMatch(client.text(), /two|\r\n0\r\n/);
    release();
    t.match((await client.end()).text, /two\.(?:\r\n0\r\n\r\n)?$/);
    t.strictSame(outcomes, [true, true]);
  }
});

t.test("a stream that breaks off, or whose client leaves, leaves the outcome open", async (t) => {
  for (const leaves of [true, false]) {
    const breaks: RequestListener = (request, response) => {
      request.resume();
      response.write("one.");
      if (!leaves) setTimeout(() => response.destroy(), 200);
    };
    const { front, outcomes, release, called } = await settling(t, breaks);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await called(1);
    release();
    await client.until(/one\./);
    if (leaves) client.socket.destroy();
    await called(2);
    release();
    t.notMatch((await client.end()).text, /\r\n0\r\n/);
    t.strictSame(outcomes, [true, false]);
  }
});

t.test("a slow reader slows the CMS, and the end waits as any other", async (t) => {
  const [parts, size] = [800, 65_536];
  let sent = 0;
  const { front, outcomes, release, called } = await settling(t, (request, response) => {
    request.resume();
    response.writeHead(200, { "content-length": parts * size });
    const read = function (this: Readable): void {
      this.push((sent += 1) > parts ? null : Buffer.alloc(size, sent < parts ? "x" : "z"));
    };
    new Readable({ read }).pipe(response);
  });
  const client = await rawConnect(front.port);
  client.socket.pause();
  client.send(rawRequest(POST, "{}"));
  await called(1);
  release();
  await pause(500);
  t.ok(sent < parts / 2, `${sent} of ${parts} parts are under way`);
  client.socket.resume();
  await called(2);
  await pause(50);
  t.notMatch(client.text().slice(-1), "z");
  release();
  const { text } = await client.end();
  t.match(text.slice(-1), "z");
  t.equal(text.length - text.indexOf("\r\n\r\n") - 4, parts * size);
  t.strictSame(outcomes, [true, true]);
});

t.test("what comes while the client does not read goes out once it does, and its end waits", async (t) => {
  for (const ends of [true, false]) {
    const answers: ServerResponse[] = [];
    const { front, release, called } = await settling(t, (request, response) => {
      request.resume();
      answers.push(response);
      response.write("one.");
    });
    front.server.prependListener("request", (_, response) => answers.push(response));
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await called(1);
    release();
    await client.until(/one\./);
    client.socket.pause();
    const [passing, answer] = answers;
    const isHeld = (): boolean => passing?.writableNeedDrain === true;
    while (!isHeld()) {
      answer?.write(Buffer.alloc(65_536, "x"));
      await pause(5);
    }
    if (ends) answer?.end("two.");
    else answer?.write("two.");
    await pause(50);
    client.socket.resume();
    if (ends) {
      await called(2);
      await pause(50);
      t.notMatch(client.text().slice(-20), "two.");
      release();
    }
    await client.until(/two\./);
    t.equal(passing?.writableEnded, ends);
  }
});
