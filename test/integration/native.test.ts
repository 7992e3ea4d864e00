import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import t from "tap";
import { pour, untilStill } from "../support/pour.ts";
import { inTime, rawConnect, rawExchange, rawRequest } from "../support/raw.ts";
import { ask, oneConnection, startFront, startOrigin } from "../unit/http/proxy/front.ts";

/** A pattern of 16 bytes, which reveals a block that is lost, repeated or moved. */
const PATTERN = Buffer.alloc(2 * 1_048_576, "0123456789abcdef");
const MEGABYTE = PATTERN.subarray(0, 1_048_576);
const MEDIA = "/api/media/film.mp4";
/** In megabytes. */
const SIZE = 128;
/** The bytes that can be sent while the receiver reads nothing: buffers, mostly of the kernel. */
const HELD = 60_000_000;

t.test("every method passes with its body", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND"]) {
    const body = method === "GET" || method === "HEAD" ? undefined : `body of ${method}`;
    const got = await ask(front, { method, path: "/api/posts?depth=0" }, body);
    t.equal(got.status, 200, method);
    t.match(origin.seen.at(-1), { method, url: "/api/posts?depth=0", body: body ?? "" });
    const bare = await ask(front, { method });
    t.equal(bare.status, 200, `${method} without a body`);
    t.equal(origin.seen.at(-1)?.body, "");
  }
});

t.test("statuses, redirects and answers without a body pass unchanged", async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    const status = Number(request.url?.slice(1));
    response.writeHead(status, "As It Is", { location: "http://elsewhere/x", etag: '"1"' });
    response.end(status === 204 || status === 304 ? undefined : "body");
  });
  const front = await startFront(t, origin.url);
  for (const status of [200, 201, 204, 206, 301, 302, 304, 307, 401, 403, 404, 418, 500, 503]) {
    const got = await ask(front, { path: `/${String(status)}` });
    t.match(got, { status, reason: "As It Is", headers: { location: "http://elsewhere/x", etag: '"1"' } });
    t.equal(got.body.toString(), status === 204 || status === 304 ? "" : "body");
  }
});

t.test("response headers keep their order, case and repeats, and get the request id", async (t) => {
  const sent = [
    "Set-Cookie",
    "a=1; Path=/",
    "X-Odd",
    "caf\u00e9",
    "Set-Cookie",
    "b=2",
    "X-Powered-By",
    "Payload",
  ];
  const origin = await startOrigin(t, (_request, response) => {
    response.writeHead(200, [...sent, "Date", "then", "Content-Length", "2"]);
    response.end(Buffer.from("ok"));
  });
  const front = await startFront(t, origin.url);
  const got = await ask(front);
  t.strictSame(got.rawHeaders.slice(0, 2), ["x-request-id", "id-1"]);
  t.strictSame(got.rawHeaders.slice(2, 2 + sent.length), sent);
  t.strictSame(got.headers["set-cookie"], ["a=1; Path=/", "b=2"]);
  t.equal(got.headers.date, "then");
});

t.test("ranges, HEAD and conditional requests are handled by the CMS", async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    if (request.headers["if-none-match"] === '"1"') {
      response.writeHead(304, { etag: '"1"' }).end();
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const body = Buffer.from("0123456789").subarray(Number(range?.[1] ?? 0), Number(range?.[2] ?? 9) + 1);
    response.writeHead(range === null ? 200 : 206, { "content-length": body.length });
    response.end(body);
  });
  const front = await startFront(t, origin.url);
  t.match(await ask(front, { headers: { range: "bytes=2-4" } }), { status: 206, body: Buffer.from("234") });
  t.match(await ask(front, { headers: { "if-none-match": '"1"' } }), {
    status: 304,
    headers: { etag: '"1"' },
  });
  t.match(await ask(front, { method: "HEAD" }), { status: 200, headers: { "content-length": "10" } });
});

t.test("the client's Host reaches the CMS", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  await ask(front, { headers: { host: "cms.example.org:8443" } });
  t.equal(origin.seen[0]?.headers.host, "cms.example.org:8443");
});

t.test("an event stream's head is sent before its first event, and each event at once", async (t) => {
  let stream: ServerResponse | undefined;
  const origin = await startOrigin(t, (_request, response) => {
    stream = response;
    response.writeHead(200, { "content-type": "text/event-stream", "x-name": "caf\u00e9" });
    response.write("", "latin1");
  });
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  client.send(rawRequest(["GET /api/events HTTP/1.1", "Host: h"]));
  t.match(await client.until(/\r\n\r\n$/), /event-stream\r\nx-name: caf\u00e9\r\n/);
  stream?.write("data: 1\n\n");
  await client.until(/data: 1\n\n/);
  stream?.write("data: 2\n\n");
  await client.until(/data: 2\n\n/);
  stream?.end();
  await client.until(/0\r\n\r\n$/);
  client.socket.destroy();
});

t.test("an upload can be answered while it is being sent", async (t) => {
  const origin = await startOrigin(t, (request, response) => void request.pipe(response));
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  client.send(rawRequest(["POST /api/echo HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"]));
  client.send("3\r\none\r\n");
  await client.until(/one/);
  client.send("3\r\ntwo\r\n0\r\n\r\n");
  t.match(await client.until(/two[^]*\r\n0\r\n\r\n$/), /^HTTP\/1\.1 200 /);
  client.socket.destroy();
});

t.test("an HTTP/1.0 client gets its answer and the end of its connection", async (t) => {
  const origin = await startOrigin(t, (_request, response) => void response.end("whole"));
  const front = await startFront(t, origin.url);
  const answer = await rawExchange(front.port, rawRequest(["GET / HTTP/1.0", "Host: h"]));
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n(?!.*chunked).*\r\n\r\nwhole$/s);
});

t.test("pipelined requests are answered in order", async (t) => {
  const origin = await startOrigin(
    t,
    (request, response) => void response.end(`answer to ${request.url ?? ""}`),
  );
  const front = await startFront(t, origin.url);
  const requests = ["/1", "/2", "/3"].map((url) => rawRequest([`GET ${url} HTTP/1.1`, "Host: h"]));
  const last = rawRequest(["GET /4 HTTP/1.1", "Host: h", "Connection: close"]);
  t.match(await rawExchange(front.port, requests.join("") + last), /to \/1.*to \/2.*to \/3.*to \/4/s);
});

t.test(`${String(SIZE)} MB are uploaded at the pace of a CMS that stops reading for a while`, async (t) => {
  const arrived = Promise.withResolvers<IncomingMessage>();
  const origin = await startOrigin(t, (request, response) => {
    if (request.url === MEDIA) {
      arrived.resolve(request);
      request.on("end", () => response.end("thanks"));
    } else response.end();
  });
  const front = await startFront(t, origin.url);
  const client = await rawConnect(front.port);
  const length = `Content-Length: ${String(SIZE * MEGABYTE.length)}`;
  client.send(rawRequest([`POST ${MEDIA} HTTP/1.1`, "Host: h", length]));
  const sent = pour(client.socket, MEGABYTE, SIZE * MEGABYTE.length);
  const upload = await inTime(arrived.promise, () => "the upload at the CMS");
  await untilStill(sent, () => ask(front, { path: "/small" }));
  t.ok(sent() < HELD, `held back after ${String(sent())} bytes`);
  t.equal(await sizeOf(upload), SIZE * MEGABYTE.length);
  await client.until(/thanks$/);
  client.socket.destroy();
});

for (const framing of ["content-length", "transfer-encoding"]) {
  t.test(`${String(SIZE)} MB are downloaded by ${framing} at the pace of a client that pauses`, async (t) => {
    let sent = (): number => 0;
    const origin = await startOrigin(t, (request, response) => {
      if (request.url !== MEDIA) {
        response.end();
        return;
      }
      if (framing === "content-length") response.setHeader(framing, SIZE * MEGABYTE.length);
      sent = pour(response, MEGABYTE, SIZE * MEGABYTE.length);
      response.on("drain", () => {
        if (sent() === SIZE * MEGABYTE.length) response.end();
      });
    });
    const front = await startFront(t, origin.url);
    const answer = await get(front, MEDIA);
    await untilStill(
      () => sent(),
      () => ask(front, { path: "/small" }),
    );
    t.ok(sent() > 0 && sent() < HELD, `held back after ${String(sent())} bytes`);
    t.equal(await sizeOf(answer), SIZE * MEGABYTE.length);
  });
}

t.test("a server with optimizeEmptyRequests is served as well", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const quick = createServer({ optimizeEmptyRequests: true }, (request, response) => {
    front.native.web(request, response, "id-q");
  });
  quick.listen(0, "127.0.0.1");
  await once(quick, "listening");
  t.teardown(() => void quick.close());
  const address = quick.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  const agent = oneConnection(t);
  for (const method of ["GET", "DELETE", "HEAD", "POST", "OPTIONS"]) {
    t.equal((await ask({ port }, { method, agent })).status, 200, method);
  }
  t.equal((await ask({ port }, { method: "POST", agent }, "body")).status, 200);
});

/** Resolves with an answer whose body is not read yet. */
function get({ port }: { readonly port: number }, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, agent: false }, resolve).once("error", reject).end();
  });
}

/** Reads a body to its end and resolves with its size. Rejects if a byte differs from the pattern. */
async function sizeOf(body: IncomingMessage): Promise<number> {
  let size = 0;
  for await (const chunk of body) {
    const at = size % 16;
    if (!Buffer.isBuffer(chunk) || !chunk.equals(PATTERN.subarray(at, at + chunk.length)))
      throw new Error(`other bytes after ${String(size)}`);
    size += chunk.length;
  }
  return size;
}
