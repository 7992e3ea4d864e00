import type { RequestListener, ServerResponse } from "node:http";
import { Readable } from "node:stream";

import t from "tap";

import { rawConnect, rawRequest } from "../../../support/raw.ts";
import { until } from "../../../support/until.ts";
import { POST, settling } from "./settling.ts";

// The work before an answer runs once more if the CMS continued after it had begun to answer.

/** A CMS that answers in two parts, the second one on demand. */
function inParts(headers: Record<string, number>, [first, last]: readonly [string, string]) {
  const { promise: told, resolve: tell } = Promise.withResolvers<void>();
  const listener: RequestListener = (request, response) => {
    request.resume();
    response.writeHead(200, headers).write(first);
    void told.then(() => response.end(last));
  };
  return { listener, tell };
}

t.test("runs the work again before the end of an answer that was not complete", async (t) => {
  for (const headers of [{ "content-length": 8 }, {}]) {
    const { listener, tell } = inParts(headers, ["one.", "two."]);
    const { front, outcomes, wholes, release, called, headAlone, roundTrip } = await settling(t, listener);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await headAlone();
    await called(1);
    await roundTrip();
    t.equal(client.text(), "", "not a byte");
    release();
    t.match(await client.until(/one\./), /^HTTP\/1\.1 200 /, "a stream is not delayed");
    t.strictSame(outcomes, [true]);
    tell();
    await called(2);
    await roundTrip();
    t.notMatch(client.text(), /two|\r\n0\r\n/, "neither the end nor the chunk before it");
    release();
    t.match((await client.end()).text, /two\.(?:\r\n0\r\n\r\n)?$/);
    t.strictSame(outcomes, [true, true]);
    t.strictSame(wholes, [false, true], "only the call at the end has `isWhole`");
  }
});

t.test("an end soon after the head needs the work only once", async (t) => {
  const { listener, tell } = inParts({}, ["one.", "two."]);
  const { front, outcomes, release, called, headCame, roundTrip } = await settling(t, listener);
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await headCame();
  await roundTrip();
  t.strictSame(outcomes, [], "the end is still awaited");
  tell();
  await called(1);
  await roundTrip();
  t.equal(client.text(), "", "not a byte");
  release();
  t.match((await client.end()).text, /two\.\r\n0\r\n\r\n$/);
  t.strictSame(outcomes, [true], "once");
});

t.test("runs the work for an end that arrives while the head waits", async (t) => {
  for (const headers of [{ "content-length": 8 }, {}]) {
    const { listener, tell } = inParts(headers, ["one.", "two."]);
    const { front, outcomes, release, called, headAlone, roundTrip } = await settling(t, listener);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await headAlone();
    await called(1);
    tell();
    await roundTrip();
    release();
    await called(2);
    await roundTrip();
    t.notMatch(client.text(), /two|\r\n0\r\n/);
    release();
    t.match((await client.end()).text, /two\.(?:\r\n0\r\n\r\n)?$/);
    t.strictSame(outcomes, [true, true]);
  }
});

t.test("a stream that breaks off or loses its client has an uncertain outcome", async (t) => {
  for (const leaves of [true, false]) {
    const answers: ServerResponse[] = [];
    const { front, outcomes, wholes, release, called, headAlone } = await settling(t, (request, response) => {
      request.resume();
      response.write("one.");
      answers.push(response);
    });
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    await headAlone();
    await called(1);
    release();
    await client.until(/one\./);
    if (leaves) client.socket.destroy();
    else answers[0]?.destroy();
    await called(2);
    release();
    t.notMatch((await client.end()).text, /\r\n0\r\n/);
    t.strictSame(outcomes, [true, false]);
    t.strictSame(wholes, [false, true], "no further call follows");
  }
});

t.test("a slow reader slows the CMS, and the end still waits for the work", async (t) => {
  // More than the system's buffers between the CMS, the proxy and the client hold.
  const [bound, size] = [48, 1_048_576];
  let sent = 0;
  let last = 2 * bound;
  const { front, outcomes, release, called, roundTrip } = await settling(t, (request, response) => {
    request.resume();
    const read = function (this: Readable): void {
      if (sent < last) this.push(Buffer.alloc(size, (sent += 1) < last ? "x" : "z"));
      else this.push(null);
    };
    new Readable({ read }).pipe(response);
  });
  const client = await rawConnect(front.port);
  client.socket.pause();
  client.send(rawRequest(POST, "{}"));
  await called(1);
  release();
  // The CMS's progress is not visible: it has stopped once several other requests have passed.
  for (let before = -1, still = 0; still < 10; before = sent) {
    await roundTrip();
    still = sent > 0 && sent === before ? still + 1 : 0;
  }
  t.ok(sent < bound, `${sent} MB are under way`);
  last = sent + 1;
  client.socket.resume();
  await called(2);
  await roundTrip();
  t.notMatch(client.text().slice(-100), /\r\n0\r\n/);
  release();
  const { text } = await client.end();
  t.match(text.slice(-100), /z\r\n0\r\n\r\n$/);
  // Without the head, only the digits and line ends of chunks are left.
  t.equal(text.slice(text.indexOf("\r\n\r\n")).replaceAll(/[^xz]+/g, "").length, last * size);
  t.strictSame(outcomes, [true, true]);
});

t.test(
  "sends chunks that arrived while the client paused, and the end still waits for the work",
  async (t) => {
    for (const ends of [true, false]) {
      const answers: ServerResponse[] = [];
      const { front, release, called, headAlone, roundTrip } = await settling(t, (request, response) => {
        request.resume();
        answers.push(response);
        response.write("one.");
      });
      front.server.once("request", (_, response: ServerResponse) => answers.push(response));
      const client = await rawConnect(front.port);
      client.send(rawRequest(POST, "{}"));
      await headAlone();
      await called(1);
      release();
      await client.until(/one\./);
      client.socket.pause();
      const [passing, answer] = answers;
      // Each part reaches the proxy before the next, so that only the last one arrives while the answer is held.
      const isHeld = (): boolean => passing?.writableNeedDrain === true;
      for (let i = 0; i < 2_000 && !isHeld(); i += 1) {
        answer?.write(Buffer.alloc(60_000, "x"));
        await roundTrip();
      }
      t.ok(isHeld(), "held");
      if (ends) answer?.end("two.");
      else answer?.write("two.");
      await roundTrip();
      client.socket.resume();
      if (ends) {
        await called(2);
        await roundTrip();
        t.notMatch(client.text().slice(-20), "two.");
        release();
      }
      await until("the last part", () => client.text().slice(-20).includes("two."));
      t.equal(passing?.writableEnded, ends);
    }
  },
);
