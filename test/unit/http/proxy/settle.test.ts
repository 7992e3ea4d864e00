import { once } from "node:events";
import type { RequestListener, ServerResponse } from "node:http";

import t from "tap";

import { rawConnect, rawRequest } from "../../../support/raw.ts";
import { FIRST_BYTE_MS, POST, settling } from "./settling.ts";

// The work before an answer runs however the request ends.

const hangsUp: RequestListener = (request) => void request.socket.destroy();
const silent: RequestListener = () => undefined;

t.test("an answer does not begin before the work is done", async (t) => {
  const { front, outcomes, release, asked, called, roundTrip } = await settling(t, (request, response) => {
    request.resume();
    response.end("x".repeat(10_000));
  });
  const client = await rawConnect(front.port);
  client.send(rawRequest(POST, "{}"));
  await called(1);
  await roundTrip();
  t.equal(client.text(), "", "not a byte");
  t.strictSame(outcomes, [true]);
  release();
  const { text } = await client.end();
  t.match(text, /^HTTP\/1\.1 200 /);
  t.ok(text.length > 10_000, "then the whole answer");
  t.strictSame(asked, ["POST /api/users?x=1 true"]);
  t.strictSame(outcomes, [true], "once");
});

t.test("a request that the CMS refused needs no work", async (t) => {
  for (const status of [401, 403, 404, 405]) {
    const { front, outcomes, refusals } = await settling(
      t,
      (_, response) => void response.writeHead(status).end(),
    );
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    t.match((await client.end()).text, new RegExp(`^HTTP/1.1 ${status}`));
    t.strictSame([outcomes, refusals], [[], [true]]);
  }
});

t.test("a 5xx is an uncertain outcome, a 400 is settled", async (t) => {
  for (const [status, isSettled] of [
    [400, true],
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

t.test("an error for a CMS that disconnects or stays silent waits for the work, too", async (t) => {
  for (const [listener, status] of [
    [hangsUp, 502],
    [silent, 504],
  ] as const) {
    const { front, outcomes, release, called, waits, move, roundTrip } = await settling(t, listener);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, "{}"));
    if (listener === silent) {
      await waits();
      move(FIRST_BYTE_MS);
    }
    await called(1);
    await roundTrip();
    t.equal(client.text(), "");
    t.strictSame(outcomes, [false]);
    release();
    t.match((await client.end()).text, new RegExp(`^HTTP/1.1 ${status}`));
    t.strictSame(outcomes, [false], "once");
  }
});

t.test("a client that disconnects before or in its body leaves the outcome uncertain", async (t) => {
  for (const body of ["{}", "{"]) {
    const { front, outcomes, called, reached, roundTrip } = await settling(t, silent);
    const client = await rawConnect(front.port);
    client.send(rawRequest(POST, body));
    await reached();
    client.socket.destroy();
    await called(1);
    await roundTrip();
    t.strictSame(outcomes, [false], "once");
  }
});

/** A request to a CMS that has sent the head and half of the body; the test controls the rest. */
async function halfAnswered(t: Parameters<typeof settling>[0]) {
  const answers: ServerResponse[] = [];
  const site = await settling(t, (request, response) => {
    request.resume();
    response.writeHead(200, { "content-length": 10 }).write("12345");
    answers.push(response);
  });
  const client = await rawConnect(site.front.port);
  client.send(rawRequest(POST, "{}"));
  await site.headCame();
  /** Breaks the answer off; resolves when the CMS's end of the connection is closed. */
  const breakOff = async (): Promise<void> => {
    const [answer] = answers;
    if (answer === undefined) throw new Error("no answer was begun");
    const closed = once(answer, "close");
    answer.destroy();
    await closed;
  };
  return { ...site, client, breakOff };
}

t.test("an answer that breaks off while its head waits is an error, not a partial answer", async (t) => {
  const { client, breakOff, headAlone, called, roundTrip, release, outcomes } = await halfAnswered(t);
  await headAlone();
  await called(1);
  await breakOff();
  await roundTrip();
  t.equal(client.text(), "", "the head waits");
  release();
  await called(2);
  await roundTrip();
  t.equal(client.text(), "", "the error waits, too");
  release();
  t.match((await client.end()).text, /^HTTP\/1\.1 502 /);
  t.strictSame(outcomes, [true, false], "the CMS's later work is uncertain");
});

t.test("an answer that breaks off soon after its head has an uncertain outcome", async (t) => {
  const { client, breakOff, called, roundTrip, release, outcomes } = await halfAnswered(t);
  await breakOff();
  await called(1);
  await roundTrip();
  t.equal(client.text(), "");
  release();
  t.match((await client.end()).text, /^HTTP\/1\.1 502 /);
  t.strictSame(outcomes, [false]);
});
