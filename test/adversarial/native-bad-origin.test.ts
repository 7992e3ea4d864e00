/**
 * Attack: the CMS (or a server in front of it) breaks off, stalls, or sends a response that HTTP does not
 * allow.
 * Amplifier: a proxy that pipes without an error path, so the client waits forever or an invalid header ends
 * the process.
 * Defence: the gateway validates a response before it sends the head. If the response breaks off later, the
 * gateway closes the client's connection.
 */
import t from "tap";
import type { NativeOptions } from "../../src/http/proxy/proxy.ts";
import {
  answers,
  answersAndCloses,
  answersAndResets,
  badOrigin,
  CLOSED_ORIGIN,
  deafOrigin,
  hangsUp,
  isSilent,
  type Misbehaviour,
} from "../support/bad-origin.ts";
import { handClock } from "../support/clock.ts";
import { inTime, rawConnect, rawExchange, rawRequest } from "../support/raw.ts";
import { closed, endIdleTime, serverEnd } from "../support/server-end.ts";
import { until } from "../support/until.ts";
import { type Front, startFront, type Test } from "../unit/http/proxy/front.ts";

/** Longer than any test: `endIdleTime` ends it. */
const IDLE_MS = 3_600_000;
const GET = rawRequest(["GET /api/posts HTTP/1.1", "Host: h"]);
const LAST_GET = rawRequest(["GET /api/posts HTTP/1.1", "Host: h", "Connection: close"]);
const UPGRADE = rawRequest(["GET /hmr HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"]);
const UNREACHABLE = /^HTTP\/1\.1 502 Bad Gateway\r\n.*"message":"Upstream service unavailable"/s;
const TOO_LONG =
  /^HTTP\/1\.1 504 Gateway Timeout\r\n.*"message":"Upstream service took too long to respond"/s;

async function frontOf(
  t: Test,
  misbehave: Misbehaviour,
  overrides: Partial<NativeOptions> = {},
): Promise<Front> {
  const origin = await badOrigin(misbehave);
  const front = await startFront(t, origin.url, overrides);
  t.teardown(() => origin.close());
  return front;
}

const CUT: Record<string, string> = {
  "a body with a length": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
  "a chunked body": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
  "a chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
};

for (const [name, text] of Object.entries(CUT)) {
  t.test(`${name} that breaks off closes the client's connection`, async (t) => {
    for (const breakOff of [answersAndCloses, answersAndResets]) {
      const front = await frontOf(t, breakOff(text));
      const answer = await rawExchange(front.port, GET);
      t.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      t.notMatch(answer, /\r\n0\r\n\r\n$/, "no regular end");
      t.match(front.failures, [{ requestId: "id-1", code: "upstream.unreachable" }]);
      t.equal(front.failures.length, 1, "reported once");
    }
  });

  t.test(`${name} that stalls is cut off after the idle timeout`, async (t) => {
    const front = await frontOf(t, answers(text), { idleTimeoutMs: IDLE_MS });
    const client = await rawConnect(front.port);
    client.send(GET);
    await client.until(/half/);
    endIdleTime(await serverEnd(client), IDLE_MS);
    const answer = (await client.end()).text;
    t.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*half/);
    t.notMatch(answer, /\r\n0\r\n\r\n$/, "no regular end");
    t.match(front.failures, [{ code: "upstream.timeout" }]);
  });
}

t.test(
  "resets the connection of an HTTP/1.0 client when a body breaks off, since a close would mean a complete body",
  async (t) => {
    const front = await frontOf(t, answersAndCloses(CUT["a chunked body"] ?? ""));
    const client = await rawConnect(front.port);
    client.send(rawRequest(["GET /api/posts HTTP/1.0", "Host: h"]));
    t.equal((await client.end()).reset, true);
  },
);

t.test("a broken response to an upgrade closes the client's socket", async (t) => {
  const front = await frontOf(t, answersAndCloses(CUT["a body with a length"] ?? ""));
  const answer = await rawExchange(front.port, UPGRADE);
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n.*half$/s);
  t.match(front.failures, [{ code: "upstream.unreachable" }]);
});

t.test("answers 502 to an unrequested 101", async (t) => {
  const head = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
  const origin = await badOrigin(answers(rawRequest(head)));
  t.teardown(() => origin.close());
  const front = await startFront(t, origin.url);
  t.match(await rawExchange(front.port, LAST_GET), UNREACHABLE);
  t.match(front.failures, [{ code: "upstream.unreachable" }]);
});

t.test("answers 502 to a response that HTTP does not allow", async (t) => {
  const refused: Record<string, string> = {
    "a status below 100": "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
    "both framings": "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding we cannot undo": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "an unrequested 100": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "no HTTP": "SSH-2.0-OpenSSH_9.2\r\n",
    "a control character in a header": "HTTP/1.1 200 OK\r\nX-A: a\u0001b\r\nContent-Length: 0\r\n\r\n",
  };
  for (const [name, text] of Object.entries(refused)) {
    const front = await frontOf(t, answersAndCloses(text));
    t.match(await rawExchange(front.port, LAST_GET), UNREACHABLE, name);
    t.match(await rawExchange(front.port, UPGRADE), UNREACHABLE, `${name}, to an upgrade`);
  }
});

t.test("relays an unusual but valid response in canonical form", async (t) => {
  const odd: Record<string, [string, RegExp]> = {
    "a control character in the reason": [
      "HTTP/1.1 200 O\u0001K\r\nContent-Length: 2\r\n\r\nok",
      /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nok$/s,
    ],
    "no reason": ["HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", /^HTTP\/1\.1 200 \r\n.*\r\n\r\nok$/s],
    "a Trailer beside a length": [
      "HTTP/1.1 200 OK\r\nTrailer: x\r\nContent-Length: 2\r\n\r\nok",
      /^HTTP\/1\.1 200 OK\r\n(?!.*trailer).*\r\n\r\nok$/is,
    ],
    "an unknown status": [
      "HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\nok",
      /^HTTP\/1\.1 999 Denied\r\n.*\r\n\r\nok$/s,
    ],
    "early hints before it": [
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
      /^HTTP\/1\.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1\.1 204 No Content\r\n[^]*\r\n\r\n$/,
    ],
    "invalid early hints": [
      "HTTP/1.1 103 Early Hints\r\nLink: a; b\r\nSet-Cookie: a=1\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
      /^HTTP\/1\.1 204 No Content\r\n(?!.*Set-Cookie)[^]*\r\n\r\n$/,
    ],
    "HTTP/1.0 without a length": [
      "HTTP/1.0 200 OK\r\n\r\nok",
      /^HTTP\/1\.1 200 OK\r\n.*\r\n2\r\nok\r\n0\r\n\r\n$/s,
    ],
  };
  for (const [name, [text, expected]] of Object.entries(odd)) {
    const front = await frontOf(t, answersAndCloses(text));
    t.match(await rawExchange(front.port, LAST_GET), expected, name);
    t.strictSame(front.failures, [], name);
  }
});

t.test(
  "garbage in the middle of a response closes the connection and does not end the process",
  async (t) => {
    const origin = await badOrigin(
      answers("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
    );
    t.teardown(() => origin.close());
    const front = await startFront(t, origin.url);
    for (let i = 0; i < 2; i++) {
      const client = await rawConnect(front.port);
      client.send(GET);
      await client.until(/half/);
      for (const socket of origin.sockets) socket.write("rubbish");
      const { text } = await client.end();
      t.notMatch(text, /"error"|\r\n0\r\n\r\n$/, "neither an envelope in the body nor a regular end");
    }
    t.match(front.failures, [{ code: "upstream.unreachable" }, { code: "upstream.unreachable" }]);
    t.equal(front.failures.length, 2, "one for each");
  },
);

t.test("a second response to one request never reaches the next client", async (t) => {
  const front = await frontOf(t, (socket, _head, nth) => {
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnth ${String(nth)}`;
    socket.write(nth === 1 ? answer + "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nevil!" : answer);
  });
  for (let i = 1; i <= 5; i++) t.notMatch(await rawExchange(front.port, LAST_GET), /evil/);
});

t.test("answers 502 if the CMS hangs up, resets or refuses connections, and 504 if it is slow", async (t) => {
  const deaf = await deafOrigin();
  t.teardown(() => deaf.close());
  const cases: [string, Promise<Front>, RegExp][] = [
    ["hangs up", frontOf(t, hangsUp), UNREACHABLE],
    ["resets", frontOf(t, (socket) => void socket.resetAndDestroy()), UNREACHABLE],
    ["is not there", startFront(t, CLOSED_ORIGIN), UNREACHABLE],
    ["says nothing", frontOf(t, isSilent, { firstByteTimeoutMs: 150 }), TOO_LONG],
    ["does not accept", startFront(t, deaf.url, { connectTimeoutMs: 150 }), TOO_LONG],
  ];
  for (const [name, starting, expected] of cases) {
    const front = await starting;
    t.match(await rawExchange(front.port, LAST_GET), expected, name);
    t.match(await rawExchange(front.port, UPGRADE), expected, `${name}, to an upgrade`);
    t.equal(front.failures.length, 2, name);
  }
});

t.test("cancels a timed-out request at the CMS", async (t) => {
  const origin = await badOrigin(isSilent);
  t.teardown(() => origin.close());
  const clock = handClock();
  const front = await startFront(t, origin.url, { clock, firstByteTimeoutMs: 100 });
  const client = await rawConnect(front.port);
  client.send(GET);
  await until("the request at the CMS", () => origin.received.length === 1);
  const gone = Array.from(origin.sockets, closed);
  t.equal(gone.length, 1);
  clock.move(100);
  t.match(await client.until(/\}$/), TOO_LONG);
  await inTime(Promise.all(gone), () => "the connection to the CMS to close");
  t.equal(origin.sockets.size, 0);
  client.send(GET);
  await until("the second request at the CMS", () => origin.received.length === 2);
  clock.move(100);
  t.match(await client.until(/\}[^]*\}$/), /504[^]*504/, "the client's connection is still usable");
  await front.native.close();
  t.equal(front.failures.length, 2, "the cancellation is not reported as another failure");
  client.socket.destroy();
});
