import tap from "tap";
import { createPayloadCms } from "../../../src/cms/payload/payload.ts";
import { mint } from "../../../src/core/brand.ts";
import type { Operation, Permit, Principal, Tenant } from "../../../src/core/context.ts";
import { GatewayError } from "../../../src/core/errors.ts";
import { Secret } from "../../../src/core/secret.ts";
import { configFor } from "../../support/gateway.ts";

const cms = createPayloadCms(configFor("http://cms.invalid", {}), {
  send: () => Promise.reject(new Error("must not be called")),
});
const identity = { userId: 2, tenantIds: [1], allTenants: false, roles: [], credential: new Secret("k") };
const MAIN = { updatedAt: "2026-01-01T00:00:00.000Z", isPublished: true };

interface Answer {
  readonly kind: Operation["kind"];
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter?: string;
}

/** Returns the error that the gateway makes of the CMS's answer. */
function refused({ kind, status, body, retryAfter }: Answer): GatewayError | undefined {
  const collection = "events";
  const operation: Operation =
    kind === "list" || kind === "create" ? { kind, collection } : { kind, collection, id: "1" };
  const answer = { status, contentType: "application/json", contentEncoding: undefined, retryAfter };
  try {
    cms.translate(
      { ...answer, body: Buffer.from(JSON.stringify(body)) },
      {
        requestId: "id",
        operation,
        version: "2026-02",
        query: "",
        tenant: mint<Tenant>({ id: 1, slug: "tenant-a", installedApps: [] }),
        principal: mint<Principal>(identity),
        permit: mint<Permit>({ scope: [1], recordId: 1, revisions: { main: MAIN, hasDrafts: false } }),
        fields: { title: "x" },
      },
    );
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  return undefined;
}

/** Payload's answer for an `APIError` without data, in any language. */
const apiError = (message: string) => ({ errors: [{ message }] });

const problem = (...errors: readonly unknown[]) => ({
  errors: [
    { name: "ValidationError", data: { id: 1, collection: "events", errors }, message: "irgendetwas" },
  ],
});

const WRITES = ["create", "update", "delete"] as const;

await tap.test("the status of a refused write decides the code, whatever the message", (t) => {
  const codes = {
    400: "document.invalid",
    401: "key.forbidden",
    402: "document.invalid",
    403: "key.forbidden",
    409: "document.conflict",
    410: "document.invalid",
    412: "document.conflict",
    422: "document.invalid",
    423: "document.conflict",
    429: "upstream.limited",
    451: "document.invalid",
    500: "upstream.failed",
    503: "upstream.failed",
  } as const;
  for (const [status, code] of Object.entries(codes))
    for (const kind of WRITES)
      for (const text of ["So nicht.", "Value must be unique", "Something went wrong."])
        t.equal(
          refused({ kind, status: Number(status), body: apiError(text) })?.code,
          code,
          `${kind} ${status}`,
        );
  t.end();
});

await tap.test("a 4xx without a mapping that has not Payload's form is `upstream.failed`", (t) => {
  for (const kind of ["list", ...WRITES] as const)
    for (const body of [{ message: "teapot" }, "text", null])
      t.equal(refused({ kind, status: 418, body })?.code, "upstream.failed", kind);
  t.end();
});

await tap.test("a refused read is never a failure of the CMS", (t) => {
  const codes = { 400: "request.malformed", 403: "key.forbidden", 409: "document.conflict" } as const;
  for (const [status, code] of Object.entries(codes))
    for (const kind of ["list", "read"] as const)
      t.equal(
        refused({ kind, status: Number(status), body: apiError("no") })?.code,
        code,
        `${kind} ${status}`,
      );
  t.end();
});

await tap.test("a read that the CMS cannot query by tenant is not the client's mistake", (t) => {
  const errors = [{ name: "QueryError", data: [{ path: "tenant" }], message: "any" }];
  t.equal(refused({ kind: "read", status: 400, body: { errors } })?.code, "upstream.failed");
  t.end();
});

await tap.test("a 404 with `errors` concerns the record, a 404 without them the route", (t) => {
  const codes = {
    list: "route.unknown",
    read: "document.unknown",
    create: "document.invalid",
    update: "document.unknown",
    delete: "document.unknown",
  } as const;
  for (const kind of ["list", "read", ...WRITES] as const) {
    t.equal(refused({ kind, status: 404, body: apiError("Nicht gefunden") })?.code, codes[kind], kind);
    t.equal(refused({ kind, status: 404, body: { message: "no route" } })?.code, "route.unknown", kind);
  }
  t.end();
});

await tap.test("a 429 carries the CMS's `Retry-After` if it is in seconds, at most a day", (t) => {
  for (const [retryAfter, expected] of [
    ["30", "30"],
    ["99999", "86400"],
    ["Wed, 21 Oct 2026 07:28:00 GMT", "1"],
    ["-1", "1"],
  ] as const) {
    const error = refused({ kind: "update", status: 429, body: apiError("slow"), retryAfter });
    t.equal(error?.headers["retry-after"], expected, retryAfter);
  }
  t.equal(
    refused({ kind: "create", status: 429, body: apiError("slow") })?.headers["retry-after"],
    "1",
    "without Retry-After",
  );
  t.end();
});

await tap.test("a validation error lists the fields by path, on an update as on a create", (t) => {
  const errors = [
    { label: "Layout > Block 1 (Cta) > Heading, big", message: "Pflichtfeld", path: "layout.0.heading" },
    { message: "from a hook", path: "title" },
    { message: "without a path" },
    "odd",
  ];
  for (const kind of ["create", "update"] as const) {
    const error = refused({ kind, status: 400, body: problem(...errors) });
    t.equal(error?.code, "document.invalid");
    t.strictSame(error?.fields, [
      { path: "layout.0.heading", message: "Pflichtfeld" },
      { path: "title", message: "from a hook" },
    ]);
  }
  const onDelete = refused({ kind: "delete", status: 400, body: problem(...errors) });
  t.equal(onDelete?.code, "document.invalid");
  t.equal(onDelete?.fields, undefined, "a delete has no fields that could be wrong");
  t.end();
});

await tap.test("a 422 lists at most 100 fields", (t) => {
  const errors = Array.from({ length: 1_000 }, (_, i) => ({ message: "no", path: `rows.${i}.label` }));
  t.equal(refused({ kind: "update", status: 400, body: problem(...errors) })?.fields?.length, 100);
  t.end();
});

await tap.test("a validation error that names a table is a conflict on a unique field", (t) => {
  for (const message of ["Value must be unique", "Der Wert ist vergeben"])
    for (const kind of ["create", "update"] as const) {
      const taken = { message, path: "code", tableName: "events" };
      t.equal(refused({ kind, status: 400, body: problem(taken) })?.code, "document.conflict");
      t.equal(
        refused({ kind, status: 400, body: problem({ message, path: "code" }) })?.code,
        "document.invalid",
        "a hook can send the message alone",
      );
    }
  t.end();
});

await tap.test("a failed bulk write shows only whether the client is at fault", (t) => {
  const failed = (isPublic: boolean) => ({ docs: [], errors: [{ id: 1, isPublic, message: "any" }] });
  t.equal(refused({ kind: "update", status: 400, body: failed(true) })?.code, "document.invalid");
  t.equal(refused({ kind: "update", status: 400, body: failed(false) })?.code, "upstream.failed");
  t.end();
});

await tap.test("a write answered without a record is `upstream.failed`, never a 404", (t) => {
  for (const body of [{}, { doc: null }, { docs: [] }, { doc: [] }, { message: "created" }])
    for (const kind of WRITES)
      t.equal(
        refused({ kind, status: 200, body })?.code,
        "upstream.failed",
        `${kind} ${JSON.stringify(body)}`,
      );
  t.equal(refused({ kind: "read", status: 200, body: { docs: [] } })?.code, "document.unknown");
  t.end();
});
