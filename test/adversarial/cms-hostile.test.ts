/**
 * Attack: the CMS, or a host on its connection, sends invalid responses: control bytes in headers, a
 * compression bomb, JSON nested too deep, a wrong Content-Type, ten times the largest response.
 * Amplifier: a gateway that forwards, decompresses or traverses it, or that crashes and so fails every
 * client.
 * Defence: the gateway copies none of its headers, decompresses nothing, and limits sizes while it receives.
 * An unreadable response is a 500 whose reason only the log holds.
 */
import { brotliCompressSync, gzipSync } from "node:zlib";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, says, saysAndCloses, startFaultyLine, type Fault } from "../support/faults.ts";
import { pour } from "../support/pour.ts";
import { inTime } from "../support/raw.ts";
import { closed } from "../support/server-end.ts";
import { startStillGateway } from "../support/still-gateway.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const gateway = await startStillGateway(line.url, {
  partners: { collections: ["posts"] },
  upstream: { maxAnswer: "1MiB", breakerFailures: 100_000 },
});
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});

const FAILED = { error: "Server Error", message: "Unexpected error while processing the request" };
const JSON_TYPE = "application/json";

function ask(method = "GET"): Promise<Response> {
  const isWrite = method !== "GET";
  return fetch(`${gateway.url}/partners/2026-02/tenant-a/posts${isWrite ? "" : "?limit=1"}`, {
    method,
    headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
    ...(isWrite ? { body: '{"title":"x"}' } : {}),
  });
}

/** Stages a response to forwarded requests; lookups stay healthy. */
function stage(fault: Fault): void {
  line.stage(fault, /^(?:GET|POST) \/api\/posts/);
}

function list(body: string, more: readonly string[] = []): Fault {
  return says(answerOf("200 OK", body, more));
}

const deep = (n: number) => `${'{"a":'.repeat(n)}1${"}".repeat(n)}`;
const DOCS = '{"docs":[{"id":1,"tenant":1,"title":"ok"}],"totalDocs":1}';

t.test("the CMS and the staged responses are valid without a fault", async (t) => {
  t.equal((await ask()).status, 200);
  stage(list(DOCS));
  t.match(await (await ask()).json(), { docs: [{ id: 1, tenant: 1, title: "ok" }] });
});

t.test("no header of the CMS reaches a partner, however it is written", async (t) => {
  stage(list(DOCS, ["set-cookie: a=1", "x-powered-by: p", "location: http://evil/", "x-request-id: theirs"]));
  const answer = await ask();
  t.strictSame([...answer.headers.keys()].toSorted(), [
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "x-request-id",
  ]);
  t.not(answer.headers.get("x-request-id"), "theirs");
  for (const evil of [
    "x: a\rset-cookie: b=1",
    "x: a\nset-cookie: b=1",
    "x: \u0000",
    "x\u0000: a",
    " folded: yes",
    "transfer-encoding: chunked",
  ]) {
    stage(saysAndCloses(answerOf("200 OK", DOCS, [evil])));
    const split = await ask();
    t.notOk(split.headers.has("set-cookie"), JSON.stringify(evil));
    t.ok([200, 502].includes(split.status), `${JSON.stringify(evil)}: ${split.status}`);
    await split.text();
  }
  stage(
    saysAndCloses(
      `HTTP/1.1 200 O\u0007K\r\ncontent-type: ${JSON_TYPE}\r\ncontent-length: ${DOCS.length}\r\n\r\n${DOCS}`,
    ),
  );
  t.ok([200, 502].includes((await ask()).status));
});

t.test("rejects a compressed or wrongly labelled response with 500 and does not decompress it", async (t) => {
  const bomb = gzipSync(`{"docs":[${" ".repeat(30_000_000)}]}`);
  t.ok(bomb.length < 1_000_000, `a bomb of ${bomb.length} bytes`);
  for (const [name, fault] of [
    // Decompressed, each of them would be a 200, except for a bomb over the limit.
    ["a bomb", says(answerOf("200 OK", bomb, ["content-encoding: gzip"]))],
    ["gzip", says(answerOf("200 OK", gzipSync(DOCS), ["content-encoding: gzip"]))],
    ["brotli", says(answerOf("200 OK", brotliCompressSync(DOCS), ["content-encoding: br"]))],
    ["unlabelled gzip", says(answerOf("200 OK", gzipSync(DOCS)))],
    ["html", list(DOCS, ["content-type: text/html"])],
    ["two types", list(DOCS, ["content-type: application/json", "content-type: text/html"])],
    ["json-like type", list(DOCS, ["content-type: application/jsonp"])],
  ] as const) {
    stage(fault);
    for (const method of ["GET", "POST"]) {
      const answer = await ask(method);
      t.equal(answer.status, 500, `${method} ${name}`);
      t.match(await answer.json(), FAILED, `${method} ${name}`);
    }
  }
});

async function readsNoMore(t: Test, framing: string, piece: Buffer): Promise<void> {
  let written = (): number => 0;
  let cut = Promise.resolve();
  stage(({ gateway: socket }) => {
    cut = closed(socket);
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: ${JSON_TYPE}\r\n${framing}\r\n\r\n`);
    written = pour(socket, piece, 900_000_000);
  });
  const answer = await ask();
  t.equal(answer.status, 500);
  t.match(await answer.json(), FAILED);
  await inTime(cut, () => "the connection to the CMS to close");
  t.ok(written() > 1_048_576 && written() < 100_000_000, `${written()} bytes`);
}

t.test("rejects a response over the limit with 500 and stops reading it", async (t) => {
  const piece = Buffer.alloc(65_536, " ");
  await readsNoMore(t, "content-length: 900000000", piece);
  const chunk = Buffer.concat([Buffer.from("10000\r\n"), piece, Buffer.from("\r\n")]);
  await readsNoMore(t, "transfer-encoding: chunked", chunk);
});

t.test("rejects JSON that is nested too deep with 500, wherever the depth is", async (t) => {
  for (const [name, body] of [
    ["objects", `{"docs":[{"id":1,"tenant":1,"x":${deep(100_000)}}]}`],
    ["lists", `{"docs":[{"id":1,"tenant":1,"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}]}`],
    ["the top", "[".repeat(500_000)],
  ] as const) {
    stage(list(body));
    const answer = await ask();
    t.equal(answer.status, 500, name);
    t.match(await answer.json(), { error: "Server Error", requestId: String }, name);
    t.match(
      gateway.lines().at(-1),
      { code: "upstream.failed", status: 500 },
      `${name}: the log blames the CMS`,
    );
  }
  await line.heal();
  t.equal((await ask()).status, 200, "the next request is served");
});

t.test(
  "answers 500 instead of 404 if the response to a write holds another record, because the write happened",
  async (t) => {
    line.stage(list('{"doc":{"id":9,"tenant":1},"message":"Updated"}'), /^PATCH /);
    const answer = await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts/3`, {
      method: "PATCH",
      headers: { authorization: `users API-Key ${cms.keys.partnerA}` },
      body: "{}",
    });
    t.equal(answer.status, 500);
    await line.heal();
  },
);
