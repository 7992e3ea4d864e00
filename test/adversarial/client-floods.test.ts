/**
 * Attack: a client sends too much of anything: headers, URL, body, nesting, digits, requests, connections.
 * Amplifier: work or memory that grows with it, or an undefined response: a reset, plain text, a 500.
 * Defence: a limit for each, and the error envelope beyond it. The gateway decides before it sends anything
 * to the CMS.
 */
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { pour } from "../support/pour.ts";
import { chunked, rawConnect, rawExchange, rawRequest, type RawEnd } from "../support/raw.ts";
import { startStillGateway } from "../support/still-gateway.ts";

const cms = await startCms();
const SETTINGS = { partners: { collections: ["posts"] }, limits: { body: "64KiB" } };
const gateway = await startStillGateway(cms.url, SETTINGS);
t.teardown(async () => {
  await gateway.stop();
  await cms.close();
});

/** How long the gateway reads an unread body after its response (`server/respond.ts`), in milliseconds. */
const LINGER_MS = 2_000;
const AUTH = `Authorization: users API-Key ${cms.keys.partnerA}`;
const POSTS = "/partners/2026-02/tenant-a/posts";
const ENVELOPE =
  /\r\ncontent-type: application\/json; charset=utf-8\r\n[^]*\r\n\r\n\{"error":"[^"]+","message":"[^"]+","requestId":"[0-9a-f-]{36}"\}$/;

function head(line: string, ...more: string[]): string[] {
  return [`${line} HTTP/1.1`, "Host: h", AUTH, "Connection: close", ...more];
}

function post(body: string): Promise<string> {
  const more = [`Content-Length: ${Buffer.byteLength(body)}`];
  return rawExchange(gateway.port, rawRequest([...head(`POST ${POSTS}`), ...more], body));
}

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

async function refused(t: Test, bytes: string, status: RegExp): Promise<void> {
  const answer = await rawExchange(gateway.port, bytes);
  t.match(answer, status);
  t.match(answer, ENVELOPE);
}

t.test("rejects too many headers, too large headers and a too long URL with 400", async (t) => {
  const many = Array.from({ length: 120 }, (_, i) => `X-${i}: 1`);
  await refused(t, rawRequest(head(`GET ${POSTS}`, ...many)), /^HTTP\/1\.1 400 /);
  await refused(t, rawRequest(head(`GET ${POSTS}`, `X: ${"x".repeat(20_000)}`)), /^HTTP\/1\.1 400 /);
  await refused(t, rawRequest(head(`GET ${POSTS}?${"x".repeat(20_000)}`)), /^HTTP\/1\.1 400 /);
  const few = Array.from({ length: 90 }, (_, i) => `X-${i}: 1`);
  t.match(await rawExchange(gateway.port, rawRequest(head(`GET ${POSTS}`, ...few))), /^HTTP\/1\.1 200 /);
});

t.test("forwards a query that fits when it is received but not when it is rebuilt", async (t) => {
  const where = encodeURIComponent(JSON.stringify({ title: { equals: "{".repeat(4_500) } })).replaceAll(
    "%7B",
    "{",
  );
  t.ok(where.length < 8_000);
  const answer = await rawExchange(gateway.port, rawRequest(head(`GET ${POSTS}?where=${where}`)));
  t.match(answer, /^HTTP\/1\.1 200 /);
  t.match(answer, /"docs":\[\],/);
});

t.test(
  "rejects a body over the limit with 413 in either framing, and the client receives the response",
  async (t) => {
    const body = `{"title":"${"x".repeat(7_000_000)}"}`;
    for (const bytes of [
      rawRequest(head(`POST ${POSTS}`, `Content-Length: ${body.length}`), body),
      rawRequest(head(`POST ${POSTS}`, "Transfer-Encoding: chunked"), chunked(body)),
    ]) {
      const end = await sendThenRead(bytes);
      t.match(end.text, /^HTTP\/1\.1 413 /);
      t.match(end.text, ENVELOPE);
      t.equal(end.reset, false, "no reset discards the response");
    }
  },
);

t.test("an early 401 reaches a client that is still sending", async (t) => {
  const body = "x".repeat(7_000_000);
  const bytes = rawRequest([`POST ${POSTS} HTTP/1.1`, "Host: h", `Content-Length: ${body.length}`], body);
  const end = await sendThenRead(bytes);
  t.match(end.text, /^HTTP\/1\.1 401 [^]*\r\nconnection: close\r\n/i);
  t.equal(end.reset, false);
});

/**
 * Sends a whole request (larger than the kernel's buffers) before it reads the response, as simple clients
 * do. A reset would discard the response.
 */
async function sendThenRead(bytes: string): Promise<RawEnd> {
  const client = await rawConnect(gateway.port);
  client.socket.pause();
  await new Promise<void>((resolve) => void client.socket.write(bytes, "latin1", () => resolve()));
  client.socket.resume();
  return client.end();
}

t.test("cuts off a client that never stops sending after its response", async (t) => {
  const client = await rawConnect(gateway.port);
  client.send(rawRequest([`POST ${POSTS} HTTP/1.1`, "Host: h", "Transfer-Encoding: chunked"]));
  const chunk = Buffer.from(`10000\r\n${"x".repeat(0x10000)}\r\n`);
  const sent = pour(client.socket, chunk, 500_000_000);
  await client.end();
  t.ok(sent() > 1_048_576 && sent() < 100_000_000, `after ${sent()} bytes`);
});

t.test("sends 100 Continue only after it has accepted the request's head", async (t) => {
  const expecting = ["Expect: 100-continue", "Content-Length: 13"];
  const stranger = await rawConnect(gateway.port);
  stranger.send(rawRequest([`POST ${POSTS} HTTP/1.1`, "Host: h", ...expecting]));
  t.match(await stranger.until(/\}$/), /^HTTP\/1\.1 401 /);
  const large = await rawConnect(gateway.port);
  large.send(rawRequest([...head(`POST ${POSTS}`), "Expect: 100-continue", "Content-Length: 1000000"]));
  t.match(await large.until(/\}$/), /^HTTP\/1\.1 413 /);
  gateway.clock.move(LINGER_MS);
  await Promise.all([stranger.end(), large.end()]);
  const welcome = await rawConnect(gateway.port);
  welcome.send(rawRequest([...head(`POST ${POSTS}`), ...expecting]));
  t.match(await welcome.until(/\r\n\r\n/), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
  welcome.send('{"title":"x"}');
  t.match((await welcome.end()).text, /\r\n\r\nHTTP\/1\.1 201 /);
  const odd = await rawExchange(gateway.port, rawRequest([...head(`GET ${POSTS}`), "Expect: tea"]));
  t.match(odd, /^HTTP\/1\.1 200 /, "an unknown expectation is ignored instead of answered in plain text");
});

t.test(
  "rejects JSON that is too deep or has numbers that would lose digits with 400, and accepts the deepest allowed",
  async (t) => {
    for (const body of [
      "[".repeat(60_000),
      '{"a":'.repeat(10_000),
      nested(5_000),
      nested(65),
      `{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
      '{"title":"x","n":1e999}',
      '{"title":"x","n":[-1e999]}',
      `{"title":"x","n":${"9".repeat(400)}}`,
    ]) {
      const answer = await post(body);
      t.match(answer, /^HTTP\/1\.1 400 [^]*Request body must be valid JSON/, body.slice(0, 30));
    }
    t.match(await post(`{"title":"deep","x":${nested(62)}}`), /^HTTP\/1\.1 201 /);
    t.match(await post('{"title":"large","x":123456789012345678901234567890}'), /^HTTP\/1\.1 201 /);
  },
);

t.test("answers pipelined requests in order, each with its own response", async (t) => {
  const requests = Array.from({ length: 40 }, (_, i) =>
    rawRequest([
      `GET ${POSTS}/${(i % 24) + 1} HTTP/1.1`,
      "Host: h",
      AUTH,
      ...(i === 39 ? ["Connection: close"] : []),
    ]),
  );
  const answer = await rawExchange(gateway.port, requests.join(""));
  const ids = [...answer.matchAll(/\{"id":(\d+),/g)].map(([, id]) => Number(id));
  t.strictSame(
    ids,
    Array.from({ length: 40 }, (_, i) => (i % 24) + 1),
  );
  t.equal(new Set(answer.match(/x-request-id: \S+/gi)).size, 40);
});

t.test("keeps the connection open after it rejects a request without a body", async (t) => {
  const nowhere = rawRequest(["GET /nowhere HTTP/1.1", "Host: h"]);
  const answer = await rawExchange(gateway.port, nowhere + rawRequest(head("GET /nowhere")));
  t.equal(answer.match(/HTTP\/1\.1 40[34]/g)?.length, 2);
});

t.test("garbage after a write does not replace the write's response", async (t) => {
  const body = '{"title":"kept"}';
  const write = rawRequest(
    [`POST ${POSTS} HTTP/1.1`, "Host: h", AUTH, `Content-Length: ${body.length}`],
    body,
  );
  const answer = await rawExchange(gateway.port, `${write}NO HTTP AT ALL\r\n\r\n`);
  t.match(answer, /^HTTP\/1\.1 201 (?:(?!HTTP\/1)[^])*$/, "a 400 would claim that the write did not happen");
});

t.test(
  "serves HTTP/1.0 with a Content-Length and closes the connection, and rejects other versions with 400",
  async (t) => {
    const answer = await rawExchange(gateway.port, rawRequest([`GET ${POSTS}/1 HTTP/1.0`, AUTH]));
    t.match(answer, /^HTTP\/1\.1 200 [^]*\r\ncontent-length: \d+\r\n[^]*\r\n\r\n\{"id":1,/i);
    t.notMatch(answer, /transfer-encoding/i);
    for (const version of ["HTTP/2.0", "HTTP/0.9"]) {
      const bytes = rawRequest([`GET ${POSTS}/1 ${version}`, "Host: h", AUTH, "Connection: close"]);
      t.match(await rawExchange(gateway.port, bytes), /^HTTP\/1\.1 400 /, version);
    }
    const coded = rawRequest([`POST ${POSTS} HTTP/1.0`, AUTH, "Transfer-Encoding: chunked"], chunked("{}"));
    t.match(await rawExchange(gateway.port, coded), /^HTTP\/1\.1 400 /);
  },
);
