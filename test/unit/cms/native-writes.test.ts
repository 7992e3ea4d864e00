import t from "tap";

import { writesTo, type WriteSettings } from "../../../src/cms/payload/native-writes.ts";

const settings: WriteSettings = {
  exposed: new Set(["pages", "media"]),
  cms: {
    apiPath: "/api",
    users: "users",
    tenants: "tenants",
    groups: "tenant-groups",
    serviceKey: "a-service-key",
    harmlessCollections: ["categories"],
    harmlessPaths: ["/admin"],
  },
};

const BOTH = ["keys", "tenants"];

function effect(line: string, rawHeaders: readonly string[] = []): readonly string[] {
  const [method = "", target = ""] = line.split(" ");
  return writesTo({ method, target, rawHeaders }, settings);
}

t.test("a request that may change a user, a tenant, a group or a membership invalidates", async (t) => {
  for (const line of [
    "PATCH /api/users/2",
    "PATCH /api/users?where[id][in]=2",
    "DELETE /api/users/2",
    "POST /api/users",
    "POST /api/users/reset-password",
    "POST /api/users/verify/x",
    "POST /api/users/first-register",
    "POST /api/users/2/api-key/reveal",
    "POST /api/payload-api-keys",
  ])
    t.strictSame(effect(line), ["keys"], line);
  for (const line of [
    "PATCH /api/tenants/1",
    "DELETE /api/tenants?where[id][equals]=1",
    "PATCH /api/tenant-groups/1",
    "POST /api/graphql",
    "POST /api/globals/site-settings",
    "POST /api/globals/access",
    "POST /api/some-plugin",
    "POST /api/some-plugin/access",
    "POST /api/payload-jobs/run",
    "GET /api/payload-jobs/run",
    "GET /api/payload%2Djobs/run",
    "GET /api/payload-jobs/handle-schedules",
    "POST /",
    "POST /api",
    "PROPFIND /api/pages",
  ])
    t.strictSame(effect(line), BOTH, line);
});

t.test("a request that provably changes none of these invalidates nothing", async (t) => {
  for (const line of [
    "GET /api/users",
    "HEAD /api/users",
    "OPTIONS /api/users",
    "GET /api/tenants/1?depth=0",
    "POST /api/pages",
    "POST /api/pages?draft=true",
    "PATCH /api/pages/12",
    "PATCH /api/pages/65000000100000000000000f",
    "PATCH /api/pages?where={}",
    "DELETE /api/media/3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "POST /api/pages/12/duplicate",
    "POST /api/pages/versions/12",
    "POST /api/pages/access/12",
    "POST /api/users/access/2",
    "POST /api/users/login",
    "POST /api/users/logout",
    "POST /api/users/refresh-token",
    "POST /api/users/forgot-password",
    "POST /api/users/unlock",
    "POST /api/categories",
    "POST /api/payload-preferences/users-list",
    "POST /api/payload-folders",
    "PATCH /api/payload-folders/3",
    "DELETE /api/payload-query-presets/3",
    "PATCH /api/pages?where[id][in]=1,2",
    "POST /admin/collections/pages/12",
  ])
    t.strictSame(effect(line), [], line);
});

t.test("a path that two parsers could read differently invalidates", async (t) => {
  for (const line of [
    "POST /api/p%61ges",
    "POST /api/pages/../users",
    "POST /api/pages/%2e%2e/users",
    "POST /api//pages",
    "POST //api/pages",
    "POST /api/pages/",
    "POST /API/pages",
    "POST /api/Pages",
    "POST /api/pages;x",
    "POST /api/pages\\..\\users",
    "POST /api/pages%2Fx",
    "POST /api/users/LOGIN",
    "POST /admin/../api/users",
    "POST /administration",
    "POST http://cms/api/pages",
  ])
    t.strictSame(effect(line), BOTH.slice(0, line.includes("users/LOGIN") ? 1 : 2), line);
});

t.test("a custom endpoint under a harmless collection invalidates", async (t) => {
  for (const line of [
    "POST /api/pages/sync-users",
    "PATCH /api/pages/everything",
    "DELETE /api/pages/1/users",
    "POST /api/pages/1/duplicate/users",
    "PUT /api/pages/1",
  ])
    t.strictSame(effect(line), BOTH, line);
});

t.test("a method override makes a read only of a POST to a collection or record", async (t) => {
  const get = ["X-Payload-HTTP-Method-Override", "GET"];
  t.strictSame(effect("POST /api/users", get), []);
  t.strictSame(effect("POST /api/users/2", ["x-http-method-override", "GET"]), []);
  t.strictSame(effect("POST /api/graphql", get), BOTH);
  t.strictSame(effect("POST /api/payload-jobs/run", get), BOTH);
  t.strictSame(effect("PATCH /api/users/2", get), ["keys"]);
  t.strictSame(effect("POST /api/users", ["X-HTTP-Method-Override", "get"]), ["keys"]);
  t.strictSame(effect("POST /api/users", ["X-HTTP-Method-Override", "DELETE"]), ["keys"]);
  t.strictSame(
    effect("POST /api/users", [...get, "X-HTTP-Method-Override", "PATCH"]),
    ["keys"],
    "two different overrides",
  );
});

t.test("without a service key, a change of a user invalidates tenants too", async (t) => {
  const { serviceKey: _, ...cms } = settings.cms;
  const withoutKey: WriteSettings = { ...settings, cms: { ...cms, serviceKey: undefined } };
  t.strictSame(writesTo({ method: "PATCH", target: "/api/users/2", rawHeaders: [] }, withoutKey), BOTH);
});

t.test("a harmless path covers all paths below it, in every unambiguous spelling", async (t) => {
  for (const path of [
    "",
    "/",
    "/pages",
    "/pages/",
    "/pages/x.y",
    "/pages/%C3%A4",
    "/a%20b",
    "/p(1)",
    "/@me",
    "/%61",
  ])
    for (const method of ["POST", "PUT", "DELETE"]) t.strictSame(effect(`${method} /admin${path}`), [], path);
  for (const path of [
    "/../api/users",
    "/%2e%2e/api/users",
    "/..%2fapi",
    "/a%2fb",
    "//api",
    "/a;b",
    "/a%5cb",
    "/%zz",
    "x",
  ])
    t.strictSame(effect(`POST /admin${path}`), BOTH, path);
});
