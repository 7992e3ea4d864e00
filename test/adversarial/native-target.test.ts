/**
 * Attack: a request target that the gateway and the CMS read as two different paths, or that no parser
 * accepts.
 * Amplifier: a proxy library that parses the target as a URL rewrites it after every check, and throws at one
 * it cannot parse.
 * Defence: the gateway rejects an ambiguous target, forwards a plain one as it was written, and handles every
 * exception.
 */
import t from "tap";
import { rawExchange, rawRequest } from "../support/raw.ts";
import { startFront, startOrigin } from "../unit/http/proxy/front.ts";

const CRASHERS = ["/\\[", "/\\", "http://[", "http://h:99999/", "http://[/", "//[", "//h:99999/"];

const DOUBTFUL = [
  "/partners/%2e%2e/api/users",
  "/media/../api/users",
  "/media/%2E%2e/api/users",
  "/media/.%2e/api/users",
  "/./api/users",
  "/\\x/api/users",
  "/media\\..\\api",
  "/media/..;/api",
  "foo://bar/api/users",
  "http://cms.internal/api/users",
  "//10.10.10.10/api",
  "*",
  "/api#users",
];

t.test("rejects a target that no URL parser accepts, and serves the next request", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  for (const target of CRASHERS) {
    t.match(
      await rawExchange(front.port, rawRequest([`GET ${target} HTTP/1.1`, "Host: h"])),
      /^HTTP\/1\.1 400 /,
      target,
    );
    const head = [`GET ${target} HTTP/1.1`, "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
    t.match(await rawExchange(front.port, rawRequest(head)), /^HTTP\/1\.1 400 /, `${target} as an upgrade`);
  }
  t.equal(origin.connections(), 0);
  const head = ["GET /api/posts HTTP/1.1", "Host: h", "Connection: close"];
  t.match(await rawExchange(front.port, rawRequest(head)), /^HTTP\/1\.1 200 OK/);
});

t.test("rejects a target that could be read as another path, for requests and upgrades", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  for (const target of DOUBTFUL) {
    t.match(
      await rawExchange(front.port, rawRequest([`GET ${target} HTTP/1.1`, "Host: h"])),
      /^HTTP\/1\.1 400 /,
      target,
    );
    const head = [`GET ${target} HTTP/1.1`, "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
    t.match(await rawExchange(front.port, rawRequest(head)), /^HTTP\/1\.1 400 /, `${target} as an upgrade`);
  }
  t.equal(origin.connections(), 0);
});

t.test("forwards a plain target as it was written", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const targets = [
    `/api/posts?where[title][equals]=it's"<>&x=/../y//z`,
    "/media/a%20b%C3%A9.jpg",
    "/media/a|b^c`{d}.jpg",
    "/api/posts/1%2F2",
    "/api/%41",
    "/api/posts?a=b?c=d",
    "/api/posts//double",
    "/api/posts/",
  ];
  for (const target of targets) {
    await rawExchange(front.port, rawRequest([`GET ${target} HTTP/1.1`, "Host: h", "Connection: close"]));
    t.equal(origin.seen.at(-1)?.url, target);
  }
});

t.test("rejects TRACE and CONNECT", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  t.match(await rawExchange(front.port, rawRequest(["TRACE /api HTTP/1.1", "Host: h"])), /^HTTP\/1\.1 400 /);
  t.equal(
    await rawExchange(front.port, rawRequest(["CONNECT h:1 HTTP/1.1", "Host: h"])),
    "",
    "Node closes it",
  );
  t.equal(origin.connections(), 0);
});

t.test("answers an upgrade that is not a WebSocket handshake with a rejection", async (t) => {
  const origin = await startOrigin(t);
  const front = await startFront(t, origin.url);
  const upgrades: Record<string, string[]> = {
    "another method": ["POST /api HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"],
    "another protocol": ["GET /api HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: h2c"],
    "two protocols": ["GET /api HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: h2c, websocket"],
    "no host": ["GET /api HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"],
  };
  for (const [name, lines] of Object.entries(upgrades)) {
    t.match(
      await rawExchange(front.port, rawRequest(lines)),
      /^HTTP\/1\.1 400 Bad Request\r\n.*"requestId"/s,
      name,
    );
  }
  t.equal(origin.connections(), 0);
});
