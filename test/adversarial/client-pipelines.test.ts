/**
 * Attack: pipelined requests from a client that does not wait for responses, followed by a disconnect, a
 * closing response, or bytes that Node loses.
 * Amplifier: Node emits every request that it can parse. Requests started at once overtake each other. The
 * CMS would carry them out although the gateway announced that it closes after this response, or although the
 * bytes were the body of another request.
 * Defence: a request starts when the previous one on its connection is answered, and never after the last
 * response.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import t, { type Test } from "tap";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { rawConnect, rawExchange, rawRequest } from "../support/raw.ts";
import { requestsRead, type RequestsRead } from "../support/requests-read.ts";
import { until } from "../support/until.ts";
import { startOrigin } from "../unit/http/proxy/front.ts";

/** A gateway and its CMS, which delays responses to paths that contain `slow` until `release` is called. */
interface Site {
  readonly gateway: TestGateway;
  /** The requests that reached the CMS, as `GET /api/x`, in order. */
  readonly asked: readonly string[];
  /** Resolves when the CMS has received that many requests. */
  readonly reached: (count: number) => Promise<unknown>;
  /** The requests and bytes that the gateway has read. */
  readonly read: RequestsRead;
  /**
   * Sends another request and waits for its end. Every request started earlier has reached the CMS by then.
   */
  readonly roundTrip: () => Promise<void>;
  /** Lets the CMS answer the slow requests, and later ones at once. */
  readonly release: () => void;
}

/** `server` holds settings of that section. No timeout ends anything while the machine is busy. */
async function startSlow(t: Test, server: Record<string, unknown> = {}): Promise<Site> {
  const asked: string[] = [];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { url } = await startOrigin(t, (request, response) => {
    const { method = "", url: target = "" } = request;
    if (target.startsWith("/api/p/")) asked.push(`${method} ${target}`);
    request.resume().once("end", () => {
      if (!target.includes("slow")) response.end(`[${target}]`);
      else void released.then(() => response.end(`[${target}]`));
    });
  });
  const gateway = await startTestGateway(url.href, {
    server: { headersTimeout: "1h", ...server },
    native: { firstByteTimeout: "1h", idleTimeout: "1h" },
  });
  t.teardown(async () => {
    release();
    await gateway.stop();
  });
  const reached = (count: number) => until(`${count} requests at the CMS`, () => asked.length >= count);
  const read = requestsRead(t, gateway.port);
  const another = rawRequest(["GET /api/round-trip HTTP/1.1", "Host: h", LAST]);
  const roundTrip = async (): Promise<void> =>
    void t.match(await rawExchange(gateway.port, another), /^HTTP\/1\.1 200 /);
  return { gateway, asked, reached, release, read, roundTrip };
}

/** Resolves when the gateway has read that many bytes of the connection of a request. */
function bytesRead({ socket }: IncomingMessage, bytes: string): Promise<unknown> {
  return until(
    `${bytes.length} bytes at the gateway`,
    () => socket.bytesRead >= Buffer.byteLength(bytes, "latin1"),
  );
}

const LAST = "Connection: close";
const get = (name: string, ...more: string[]) =>
  rawRequest([`GET /api/p/${name} HTTP/1.1`, "Host: h", ...more]);
const remove = (name: string) => rawRequest([`DELETE /api/p/${name} HTTP/1.1`, "Host: h"]);
const post = (name: string, body = "{}") =>
  rawRequest([`POST /api/p/${name} HTTP/1.1`, "Host: h", `Content-Length: ${body.length}`], body);

t.test("a request starts when the previous one is answered (RFC 9112, 9.3.2)", async (t) => {
  const { gateway, asked, reached, release, read, roundTrip } = await startSlow(t);
  const client = await rawConnect(gateway.port);
  client.send(get("slow") + remove("x") + post("y") + get("z", LAST));
  await reached(1);
  await read.nth(4);
  await roundTrip();
  t.strictSame(asked, ["GET /api/p/slow"]);
  release();
  t.match((await client.end()).text, /slow\][^]*x\][^]*y\][^]*z\]$/);
  t.strictSame(asked, ["GET /api/p/slow", "DELETE /api/p/x", "POST /api/p/y", "GET /api/p/z"]);
});

t.test("a queued request does not start if its client disconnects", async (t) => {
  for (const leave of ["end", "resetAndDestroy"] as const) {
    const { gateway, asked, reached, release, read, roundTrip } = await startSlow(t);
    const client = await rawConnect(gateway.port);
    client.send(get("slow") + remove("x") + post("y"));
    await reached(1);
    const { socket } = await read.nth(3);
    client.socket[leave]();
    await until("the gateway to notice", () => socket.readableEnded || socket.destroyed);
    release();
    await until("the end of the connection", () => socket.destroyed);
    await roundTrip();
    t.strictSame(asked, ["GET /api/p/slow"], leave);
  }
});

t.test("no request is carried out after a response that closes the connection (RFC 9112, 9.6)", async (t) => {
  const { gateway, asked, roundTrip } = await startSlow(t, { maxRequestsPerConnection: 2 });
  const four = ["1", "2", "3", "4"].map((name) => post(name)).join("");
  t.equal((await rawExchange(gateway.port, four)).match(/HTTP\/1\.1 200/g)?.length, 2);
  t.strictSame(asked, ["POST /api/p/1", "POST /api/p/2"]);
  const odd = rawRequest(["GET /api/../p HTTP/1.1", "Host: h"]);
  t.match(await rawExchange(gateway.port, odd + post("5")), /^HTTP\/1\.1 400 (?:(?!HTTP\/1)[^])*$/);
  const unread = rawRequest(
    ["POST /partners/2026-02/t/posts HTTP/1.1", "Host: h", "Content-Length: 4"],
    "12",
  );
  const client = await rawConnect(gateway.port);
  client.send(unread);
  await client.until(/^HTTP\/1\.1 401 /);
  client.send(`34${post("6")}`);
  t.match((await client.end()).text, /^HTTP\/1\.1 401 (?:(?!HTTP\/1)[^])*$/);
  await roundTrip();
  t.equal(asked.length, 2);
});

t.test("a drain closes a connection after its request in flight", async (t) => {
  const limits = { drainDelay: "0s", drainTimeout: "1h" };
  const { gateway, asked, reached, release, read } = await startSlow(t, limits);
  const client = await rawConnect(gateway.port);
  client.send(post("slow") + post("slower"));
  await reached(1);
  await read.nth(2);
  const stopped = gateway.stop();
  await until("the gateway to refuse connections", () =>
    rawConnect(gateway.port).then(
      ({ socket }) => void socket.destroy(),
      () => true,
    ),
  );
  release();
  t.match((await client.end()).text, /connection: close\r\n(?:(?!HTTP\/1)[^])*slow\]$/i);
  await stopped;
  t.strictSame(asked, ["POST /api/p/slow"]);
});

t.test("an ignored upgrade ends the connection, because Node loses the bytes that follow it", async (t) => {
  const { gateway, asked, read, roundTrip } = await startSlow(t);
  const upgrade = [LAST.replace("close", "Upgrade"), "Upgrade: websocket"];
  const ignored = rawRequest(["GET /partners/2026-02/t/posts HTTP/1.1", "Host: h", ...upgrade]);
  const inner = remove("smuggled");
  const outer = post("outer", `12345${inner}`);
  const client = await rawConnect(gateway.port);
  const first = ignored + outer.slice(0, -inner.length);
  client.send(first);
  await bytesRead(await read.nth(1), first);
  client.send(inner);
  t.match((await client.end()).text, /^HTTP\/1\.1 401 (?:(?!HTTP\/1)[^])*$/);
  await roundTrip();
  t.strictSame(asked, []);
  const h2c = ["Connection: Upgrade", "Upgrade: h2c", "Content-Length: 200000"];
  const large = rawRequest(["POST /api/p/large HTTP/1.1", "Host: h", ...h2c], "x".repeat(200_000));
  t.match(
    await rawExchange(gateway.port, large),
    /connection: close\r\n[^]*large\]$/i,
    "its own body is read",
  );
});

t.test("answers 3,000 pipelined requests to the end", async (t) => {
  const { gateway, asked, reached, release } = await startSlow(t);
  const client = await rawConnect(gateway.port);
  client.send(get("slow") + get("x").repeat(3_000) + get("y", LAST));
  await reached(1);
  release();
  t.equal((await client.end()).text.match(/x\]/g)?.length, 3_000);
  t.equal(asked.at(-1), "GET /api/p/y");
});

t.test("bytes that do not parse close the connection after its request in flight", async (t) => {
  const { gateway, asked, reached, release, read, roundTrip } = await startSlow(t);
  const client = await rawConnect(gateway.port);
  // The body is one byte longer than its Content-Length, as a length counted in characters makes it. More
  // requests follow.
  const broken = `${post("slow", "\u00fc")}}`;
  const more = remove("x") + post("y");
  client.send(broken);
  await reached(1);
  client.send(more);
  await bytesRead(await read.nth(1), broken + more);
  await roundTrip();
  release();
  t.match(
    (await client.end()).text,
    /^HTTP\/1\.1 200 OK[^]*connection: close\r\n(?:(?!HTTP\/1)[^])*slow\]$/i,
  );
  t.strictSame(asked, ["POST /api/p/slow"]);
  const told = gateway.lines().filter(({ code }) => code === "request.malformed");
  t.match(told, [{ status: 400, cause: { code: /^HPE_/ } }]);
  t.equal(told.length, 1);
});

t.test(
  "a response that has begun is completed before bytes that do not parse close the connection",
  async (t) => {
    const begun = Promise.withResolvers<ServerResponse>();
    const { url } = await startOrigin(t, (request, response) => {
      response.write("begun");
      // The gateway itself sends requests to the origin, too.
      if (request.url?.endsWith("/long") === true) begun.resolve(response);
    });
    const gateway = await startTestGateway(url.href);
    t.teardown(() => gateway.stop());
    const client = await rawConnect(gateway.port);
    client.send(get("long"));
    await client.until(/begun/);
    client.send("no request\r\n\r\n");
    await until(
      "the gateway to report the malformed request",
      () => gateway.lines().at(-1)?.["code"] === "request.malformed",
    );
    (await begun.promise).end("ended");
    const { text } = await client.end();
    t.match(text, /begun[^]*ended/);
    t.notMatch(text, / 400 /);
  },
);

t.test("a response whose request is incomplete is cut off when the rest does not parse", async (t) => {
  const { url } = await startOrigin(t, (_request, response) => void response.write("begun"));
  const gateway = await startTestGateway(url.href);
  t.teardown(() => gateway.stop());
  const client = await rawConnect(gateway.port);
  client.send("POST /api/long HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  await client.until(/begun/);
  client.send("no chunk\r\n");
  const { text } = await client.end();
  t.notMatch(text, / 400 /);
});

t.test("sends one 400 if no request is in flight, whatever bytes follow", async (t) => {
  const { gateway } = await startSlow(t);
  const client = await rawConnect(gateway.port);
  client.socket.on("data", () => client.send("more\r\n\r\n"));
  client.send("no request\r\n\r\n");
  t.match(await client.end(), { text: /^HTTP\/1\.1 400 (?:(?!HTTP\/1)[^])*$/, reset: false });
  t.equal(gateway.lines().filter(({ code }) => code === "request.malformed").length, 1);
});
