// Attack: headers that a server drops, duplicates, misreads or takes for framing, so that two servers see two
// requests.
// Amplifier: a proxy that honours `Connection` drops the header that it has just set. A proxy that reads
// lengths otherwise consumes the next request.
// Defence: ambiguous framing is rejected, and the request to the CMS has its own framing and its own headers.
import tap from "tap";

import { words } from "../support/isolation.ts";
import { bodyOf, POSTS, startWireOfA, statuses } from "../support/partner-a.ts";
import { rawConnect, rawExchange, rawRequest } from "../support/raw.ts";

const { authorization, common: COMMON, port, send, reached } = await startWireOfA(tap);

await tap.test("Connection cannot remove the gateway's headers, nor keep those it removes", async (t) => {
  for (const nominated of [
    ...words(`
      x-basker-tenant-id x-basker-tenant-slug authorization host accept where
    `),
    "X-Basker-Tenant-Id, x-request-id",
    "content-type, content-length",
    "x-basker-tenant-id, close",
    "keep-alive, x-basker-tenant-slug",
  ]) {
    for (const extra of [
      [],
      ["x-basker-tenant-id: 3", "x-basker-tenant-slug: tenant-c"],
      ["Keep-Alive: x", "TE: trailers"],
    ]) {
      const lines = [...COMMON, `Connection: ${nominated}`, ...extra];
      const read = await send([`GET ${POSTS}/2 HTTP/1.1`, ...lines]);
      t.match(bodyOf(read), { id: 2, tenant: 1 }, nominated);
      const body = '{"title":"x","tenant":3}';
      const made = await send(
        [`POST ${POSTS}?depth=0 HTTP/1.1`, ...lines, `Content-Length: ${body.length}`],
        body,
      );
      t.strictSame(statuses(made), [201], nominated);
      t.equal(reached(t, nominated), 2);
    }
  }
});

await tap.test("aliases of the tenant headers select no tenant and are not forwarded", async (t) => {
  for (const alias of words(`
      X_Basker_Tenant_Id x.basker.tenant.id X-Basker_Tenant-Id x-basker.tenant-id X-BASKER-TENANT_ID
      x-basker-tenant-id- x--basker-tenant-id HTTP_X_BASKER_TENANT_ID x-tenant-id basker-tenant-id
    `)) {
    const read = await send([`GET ${POSTS}/2 HTTP/1.1`, ...COMMON, `${alias}: 3`]);
    t.match(bodyOf(read), { id: 2, tenant: 1 }, alias);
    const other = await send(["GET /partners/2026-02/tenant-c/posts/49 HTTP/1.1", ...COMMON, `${alias}: 1`]);
    t.strictSame(statuses(other), [404], `${alias} does not select the client's own tenant`);
    t.equal(reached(t, alias), 1);
  }
});

await tap.test("rejects two different values of a tenant header, and accepts two equal ones", async (t) => {
  for (const [header, one, other] of [
    ["x-basker-tenant-id", "1", "3"],
    ["x-basker-tenant-slug", "tenant-a", "tenant-c"],
  ]) {
    const twice = (first?: string, second?: string): string[] => [
      `${header}: ${first}`,
      `${header}: ${second}`,
    ];
    for (const lines of [
      twice(one, other),
      twice(other, one),
      [`${header}: ${one}, ${other}`],
      [`${header}: ${one},${other},`],
    ]) {
      t.match(bodyOf(await send([`GET ${POSTS}/2 HTTP/1.1`, ...COMMON, ...lines])), {
        error: "Tenant not found",
      });
    }
    for (const lines of [twice(one, one), twice(one, ""), [`${header}:   ${one}   `]]) {
      t.match(bodyOf(await send([`GET ${POSTS}/2 HTTP/1.1`, ...COMMON, ...lines])), { id: 2, tenant: 1 });
    }
    t.equal(reached(t, `${header}`), 3);
  }
});

await tap.test("rejects a request with two Hosts or without one", async (t) => {
  for (const lines of [
    [authorization],
    ["Host: gateway", "Host: evil", authorization],
    [...COMMON, "HOST: gateway"],
  ]) {
    t.strictSame(statuses(await send([`GET ${POSTS}/2 HTTP/1.1`, ...lines])), [400], lines.join());
  }
  t.match(bodyOf(await send([`GET ${POSTS}/2 HTTP/1.1`, "Host: evil.example", authorization])), { id: 2 });
  t.equal(reached(t, "hosts"), 1);
});

await tap.test("sends no 100 Continue to a request that it will reject", async (t) => {
  const length = ["Expect: 100-continue", "Content-Length: 13"];
  for (const [target, status] of [
    [`${POSTS}/1`, 404],
    ["/partners/2026-02/tenant-c/posts", 404],
    ["/api/posts", 403],
  ] as const) {
    t.strictSame(statuses(await send([`POST ${target} HTTP/1.1`, ...COMMON, ...length])), [status], target);
  }
  const client = await rawConnect(port);
  client.send(rawRequest([`POST ${POSTS}?depth=0 HTTP/1.1`, ...COMMON, ...length, "Connection: close"]));
  await client.until(/^HTTP\/1\.1 100 /);
  client.send('{"title":"x"}');
  t.strictSame(statuses((await client.end()).text), [100, 201]);
  t.equal(reached(t, "Expect"), 1);
});

await tap.test("ignores upgrades under the Partners API", async (t) => {
  for (const upgrade of ["websocket", "h2c", "TLS/1.0", "websocket, h2c", "x"]) {
    const lines = [`GET ${POSTS}/2 HTTP/1.1`, ...COMMON, "Connection: Upgrade", `Upgrade: ${upgrade}`];
    const handshake = [
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "HTTP2-Settings: AAMAAABk",
    ];
    t.match(bodyOf(await send([...lines, ...handshake])), { id: 2, tenant: 1 }, upgrade);
    t.equal(reached(t, upgrade), 1);
  }
  const keyed = [
    "GET /_next/webpack-hmr HTTP/1.1",
    ...COMMON,
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
  ];
  const text = await rawExchange(
    port,
    rawRequest([...keyed, "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]),
  );
  t.strictSame(statuses(text), [403], "a native upgrade with a key is rejected");
  t.equal(reached(t, "keyed upgrade"), 0);
});
