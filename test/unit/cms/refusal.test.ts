import tap from "tap";
import { createPayloadCms } from "../../../src/cms/payload/payload.ts";
import { mint } from "../../../src/core/brand.ts";
import type { Fields, Permit, Principal, Tenant } from "../../../src/core/context.ts";
import { GatewayError, type FieldProblem } from "../../../src/core/errors.ts";
import { Secret } from "../../../src/core/secret.ts";
import { configFor } from "../../support/gateway.ts";

const cms = createPayloadCms(configFor("http://cms.invalid", {}), {
  send: () => Promise.reject(new Error("not to be asked")),
});
const identity = { userId: 2, tenantIds: [1], allTenants: false, roles: [], credential: new Secret("k") };

/** What comes of it where Payload's bulk form has refused a write with that message. */
function refused(message: string, fields: Fields): GatewayError | undefined {
  const answer = { docs: [], errors: [{ id: 1, isPublic: true, message }] };
  const given = { status: 400, contentType: "application/json", contentEncoding: undefined };
  try {
    cms.translate(
      { ...given, body: Buffer.from(JSON.stringify(answer)) },
      {
        requestId: "id",
        operation: { kind: "update", collection: "events", id: "1" },
        version: "2026-02",
        query: "",
        tenant: mint<Tenant>({ id: 1, slug: "tenant-a", installedApps: [] }),
        principal: mint<Principal>(identity),
        permit: mint<Permit>({ scope: [1], recordId: 1 }),
        fields,
      },
    );
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  return undefined;
}

/** What a 422 tells of fields whose labels Payload's bulk form has named. */
function toldOf(labels: readonly string[], fields: Fields): readonly FieldProblem[] {
  const error = refused(`The following fields are invalid: ${labels.join(", ")}`, fields);
  return (error?.code === "document.invalid" ? error.fields : undefined) ?? [];
}

await tap.test("what a bulk write was refused for is told by its message alone", (t) => {
  for (const [message, code] of [
    ["You are not allowed to perform this action.", "key.forbidden"],
    ["Document with ID 1 is currently locked by another user", "document.conflict"],
    ["The following field is invalid: code", "document.conflict"],
    ["The following field is invalid: Title", "document.invalid"],
    ["Something went wrong.", "upstream.failed"],
  ] as const)
    t.equal(refused(message, { title: "x" })?.code, code, message);
  t.end();
});

const pathsOf = (labels: readonly string[], fields: Fields) => toldOf(labels, fields).map(({ path }) => path);

await tap.test("a label is the partner's own field, in rows and groups too", (t) => {
  const fields = {
    sessions_list: [{}, { label: "" }],
    location: { city_name: 5 },
    startDate: "",
    start_date: "",
  };
  const labels = ["Sessions List 2 > Label", "Location > City Name", "Start Date", "Ends At"];
  t.strictSame(pathsOf(labels, fields), [
    "sessions_list.1.label",
    "location.city_name",
    "startDate",
    "endsAt",
  ]);
  t.end();
});

await tap.test("a body is gone through once, however many of its fields are wrong", (t) => {
  let times = 0;
  const junk = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`junk${i}`, 0]));
  const fields = new Proxy<Record<string, unknown>>(
    { ...junk, rows: Array.from({ length: 1_000 }, () => ({})) },
    {
      ownKeys(target) {
        times += 1;
        return Reflect.ownKeys(target);
      },
    },
  );
  const labels = Array.from({ length: 1_000 }, (_, i) => `Rows ${i + 1} > Label`);
  const paths = pathsOf(labels, fields);
  t.equal(times, 1);
  t.equal(paths.length, 100, "and a 422 does not grow with it");
  t.strictSame(paths.slice(0, 2), ["rows.0.label", "rows.1.label"]);
  t.end();
});
