// Attack: a body that names the record's tenant, in each of the ways in which a body can.
// Amplifier: Payload accepts numbers, strings, objects, dotted names, the last of duplicate keys, and a
// form's `_payload`.
// Defence: the gateway parses a body whatever its type, and serialises it anew with its own tenant and
// without dotted names and unusual ones.
import tap, { type Test } from "tap";

import { objectOf, type Sent, words } from "../support/isolation.ts";
import { differences, snapshotOf } from "../support/snapshot.ts";
import { startPartnerA } from "../support/partner-a.ts";

const { site, a, lawful } = await startPartnerA(tap);

/** Members that some parser might read as tenant C. They are JSON text, since keys may be repeated. */
const CLAIMS = [
  ...words(`
    "tenant":3 "tenant":"3" "tenant":{"id":3} "tenant":{"value":3,"relationTo":"tenants"} "tenant":[3]
    "tenant":null "tenant":"" "tenant":"3abc" "tenant":3.0 "tenant":{"equals":3} "tenant":true
    "tenant":1,"tenant":3 "tenant":3,"tenant":1 "\\u0074enant":3 "tenant":{"id":1},"tenant.id":3
    "tenant.id":3 "tenant.value":3 "tenant.":3 ".tenant":3 "tenant.0":3 "tenant..id":3
    "tenant":1,"tenant.id":3 "tenant.id":3,"tenant.relationTo":"tenants" "tenant[id]":3 "tenant[]":3
    "tenant_id":3 "tenantId":3 "tenant__id":3 "Tenant":3 "tenant\\u0000":3 "tenants":[{"tenant":3}]
    "version":{"tenant":3} "version.tenant":3 "data":{"tenant":3} "doc":{"tenant":3}
    "_payload":"{\\"tenant\\":3}" "$set":{"tenant":3} "location":{"tenant":3,"tenant.id":3} "id":49
    "_id":49 "location":{"..tenant":3} "layout":[{"blockType":"quote","tenant":3}]
    "constructor":{"prototype":{"tenant":3}} "constructor.prototype.tenant":3 "__proto__.tenant":3
    "location":{"__proto__.tenant":3} "toJSON":{"tenant":3} "locale":"en&where[tenant][equals]=3"
    "parent":49 "createdBy":4 "relationTo":"tenants","value":3 "ｔenant":3
  `),
  '" tenant":3',
  '"tenant ":3',
];

/** Asserts that a completed write belongs to tenant A and that the CMS received no other tenant. */
async function isOurs(t: Test, collection: "posts" | "events" | "pages", id: number): Promise<void> {
  const requests = lawful(t);
  const written = requests.filter(({ method }) => method !== "GET");
  t.equal(written.length, 1);
  const body = objectOf(written[0]?.body ?? "");
  t.equal(body["tenant"], written[0]?.method === "POST" ? 1 : undefined);
  t.notOk(Object.keys(body).some((name) => /[.[\]]|__proto__/.test(name)));
  t.match(await site.cms.payload.findByID({ collection, id, depth: 0 }), { tenant: 1 });
}

await tap.test("no tenant in a body creates, moves or takes over a record", async (t) => {
  const before = await snapshotOf(site.cms);
  for (const claim of CLAIMS) {
    const body = `{"title":"by A","startDate":"2031-01-01",${claim}}`;
    const made = await a.ask("POST", "tenant-a/events?depth=0", { body });
    t.match(made, { status: 201, json: { tenant: 1, title: "by A" } }, claim);
    await isOurs(t, "events", Number(made.json["id"]));
    for (const method of ["PATCH", "PUT"]) {
      const moved = await a.ask(method, "tenant-a/events/7?depth=0", { body });
      t.match(moved, { status: 200, json: { id: 7, tenant: 1 } }, `${method} ${claim}`);
      await isOurs(t, "events", 7);
      const taken = await a.ask(method, "tenant-a/events/49?depth=0", { body: `{"tenant":1,${claim}}` });
      t.equal(taken.status, 404, `${method} ${claim}`);
    }
    site.cms.takeRequests();
  }
  const foreign = differences(before, await snapshotOf(site.cms)).filter((row) =>
    /"(?:version_)?tenant_id":[234]/.test(row),
  );
  t.strictSame(foreign, []);
  t.notOk("tenant" in {}, "no prototype is modified");
});

await tap.test("forwards nested names to the CMS, and they change no other record", async (t) => {
  // The rows of an array and a block, with the ids of a row of B's and one of C's.
  const before = await snapshotOf(site.cms);
  for (const body of [
    { sessions_list: [{ id: "650000001000000000000026", label: "taken" }] },
    { layout: [{ id: "650000002000000000000050", blockType: "quote", text: "taken" }] },
    { "sessions_list.0.label": "dotted" },
    { "layout.0.text": "dotted", "location.city": "dotted" },
  ]) {
    await a.ask("PATCH", "tenant-a/events/8?depth=0", { body });
  }
  const rows = differences(before, await snapshotOf(site.cms));
  t.strictSame(
    rows.filter((row) => /000026"|000050"|"(?:version_)?tenant_id":[234]/.test(row)),
    [],
  );
  t.notOk(rows.some((row) => row.includes("dotted")));
});

await tap.test("rejects a prototype in a body at any depth with 400", async (t) => {
  for (const body of [
    '{"__proto__":{"tenant":3}}',
    '{"title":"x","__proto__":3}',
    '{"location":{"__proto__":{"tenant":3}}}',
    '{"layout":[{"blockType":"quote","__proto__":{"x":1}}]}',
    '{"\\u005f_proto__":{"tenant":3}}',
    `${'{"a":'.repeat(70)}1${"}".repeat(70)}`,
    `${'{"a":['.repeat(5000)}1${"]}".repeat(5000)}`,
  ]) {
    for (const [method, path] of [
      ["POST", "tenant-a/posts"],
      ["PATCH", "tenant-a/posts/1"],
    ] as const) {
      t.match(
        await a.ask(method, path, { body }),
        { status: 400, json: { error: "Invalid JSON body" } },
        body.slice(0, 60),
      );
    }
  }
  t.strictSame(
    site.cms.takeRequests().filter(({ path }) => path.startsWith("/api/posts")),
    [],
  );
});

/** A multipart form with these parts, and its content type. */
function form(...parts: readonly (readonly [string, string])[]): Sent {
  const text = parts.map(
    ([name, value]) => `--x\r\ncontent-disposition: form-data; ${name}\r\n\r\n${value}\r\n`,
  );
  return {
    headers: { "content-type": "multipart/form-data; boundary=x" },
    body: `${text.join("")}--x--\r\n`,
  };
}

const payloadPart = ['name="_payload"', '{"title":"by form","tenant":3,"startDate":"2031-01-01"}'] as const;
const filePart = ['name="file"; filename="x.png"\r\ncontent-type: image/png', "png"] as const;

await tap.test("a body that is not JSON never reaches the CMS, whatever its Content-Type", async (t) => {
  const before = await snapshotOf(site.cms);
  const bodies: Sent[] = [
    form(payloadPart),
    form(payloadPart, payloadPart),
    form(payloadPart, filePart),
    form(['name="tenant"', "3"]),
    { headers: { "content-type": "application/x-www-form-urlencoded" }, body: "tenant=3&title=x" },
    {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "_payload=%7B%22tenant%22%3A3%7D",
    },
    { headers: { "content-type": "text/plain" }, body: "tenant: 3" },
    ...[
      "",
      " ",
      "null",
      "[]",
      '[{"tenant":3}]',
      '"x"',
      "1",
      "true",
      "{",
      "{}{}",
      "\ufeff\ufeff{}",
      "{'tenant':3}",
      '{"a":1,}',
    ].map((body) => ({ body })),
    { body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) },
    { body: Buffer.from('{"tenant":3}', "utf16le") },
  ];
  for (const sent of bodies) {
    for (const [method, path] of [
      ["POST", "tenant-a/events"],
      ["POST", "tenant-a/media"],
      ["PATCH", "tenant-a/events/1"],
      ["PUT", "tenant-a/media/1"],
    ] as const) {
      const reply = await a.ask(method, path, sent);
      t.match(
        reply,
        { status: 400, json: { error: "Invalid JSON body" } },
        `${method} ${path} ${JSON.stringify(sent.body)?.slice(0, 60)}`,
      );
    }
  }
  t.strictSame(
    site.cms.takeRequests().filter(({ path }) => !/^\/api\/(?:users\/me|tenants)\?/.test(path)),
    [],
  );
  t.strictSame(differences(before, await snapshotOf(site.cms)), []);
});

await tap.test("validates and forwards JSON as JSON, whatever its Content-Type", async (t) => {
  for (const type of [
    ...words(`
      application/json Application/JSON application/json;charset=utf-7 text/plain
      application/x-www-form-urlencoded application/graphql application/vnd.api+json x
    `),
    "application/json ; charset=utf-8",
    "multipart/form-data; boundary=x",
    "  application/json",
    "\tx/y",
  ]) {
    const headers = { "content-type": type };
    const made = await a.ask("POST", "tenant-a/posts?depth=0", {
      headers,
      body: '{"title":"typed","tenant":3}',
    });
    t.match(made, { status: 201, json: { tenant: 1, title: "typed" } }, type);
    const posted = site.cms.takeRequests().find(({ method }) => method === "POST");
    t.match(posted, {
      headers: { "content-type": "application/json" },
      body: '{"title":"typed","tenant":1}',
    });
  }
});

await tap.test("the cookie by which Payload fills in a tenant has no effect", async (t) => {
  const headers = { cookie: "payload-tenant=3; payload-token=x", "x-tenant": "3", "payload-tenant": "3" };
  for (const [path, body] of [
    ["tenant-a/events?depth=0", { title: "x", startDate: "2031-01-01" }],
    ["tenant-a/pages?depth=0&draft=true", {}],
    ["tenant-a/posts?depth=0", { title: "x", tenant: null }],
  ] as const) {
    t.match(await a.ask("POST", path, { headers, body }), { status: 201, json: { tenant: 1 } }, path);
  }
  lawful(t);
});

await tap.test("ignores the body of a DELETE or a GET", async (t) => {
  const body = { tenant: 3, where: { tenant: { equals: 3 } } };
  t.equal((await a.ask("DELETE", "tenant-a/posts/49", { body })).status, 404);
  t.match(await a.ask("DELETE", "tenant-a/posts/9?depth=0", { body }), {
    status: 200,
    json: { id: 9, tenant: 1 },
  });
  t.match(await a.ask("GET", "tenant-a/posts/8", { body }), { status: 200, json: { tenant: 1 } });
  const requests = lawful(t);
  t.ok(requests.every(({ bodyBytes }) => bodyBytes === 0));
});
