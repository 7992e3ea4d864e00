import t from "tap";
import { isPlainNativeTarget, isUnderPrefix, parseTarget } from "../../../src/core/path.ts";

/** Returns the segments of a target, or its kind if it has none. */
function read(target: string): readonly string[] | string {
  const parsed = parseTarget(target);
  return parsed.kind === "partners" ? parsed.path.segments : parsed.kind;
}

t.test("a partner path is split into decoded segments", async (t) => {
  t.strictSame(read("/partners"), []);
  t.strictSame(read("/partners/"), []);
  t.strictSame(read("/partners/2025-07/acme/events/12"), ["2025-07", "acme", "events", "12"]);
  t.strictSame(read("/partners/2025-07/acme/events/"), ["2025-07", "acme", "events"], "one trailing slash");
  t.strictSame(read("/partners/2025-07/acm%C3%A9/events"), ["2025-07", "acmé", "events"]);
  t.strictSame(read("/partners/v/t/c/evt_1~2.3:4@5"), ["v", "t", "c", "evt_1~2.3:4@5"]);
  t.strictSame(
    read("/partners/v/t/c/%201"),
    ["v", "t", "c", " 1"],
    "a blank is not ambiguous; the check of ids refuses it",
  );
});

t.test("the query is kept unchanged, without the question mark", async (t) => {
  const parsed = parseTarget("/partners/v/t/c?where[a][equals]=/..//&x=%2e");
  t.equal(parsed.kind === "partners" && parsed.path.query, "where[a][equals]=/..//&x=%2e");
});

t.test("a path that two parsers could read differently is malformed", async (t) => {
  const ambiguous = [
    "/partners//v/t",
    "/partners/v/t//",
    "//partners/v/t",
    "/partners/./v",
    "/partners/../api",
    "/partners/v/..",
    "/partners/v/%2e%2e/users",
    "/partners/v/%2E/users",
    "/partners/v/.%2e/users",
    "/partners/v/t%2f..%2fusers",
    "/partners/v/t%5cusers",
    "/partners/v\\t",
    "\\partners\\v",
    "/partners\\v",
    "/partners/v/t%00",
    "/partners/v/t%0d%0a",
    "/partners/v/t;x=1/c",
    "/partners;x/v",
    "/partners/v/t%3bx",
    "/partners/v/..;/x",
    "/partners/v/t%23x",
    "/partners/v/t%3fx",
    "/partners/v/t#x",
    "/partners/v/t?x#y",
    "/partners/v/%252e%252e/x",
    "/partners/v/%25%32%65",
    "/partners/v/%c0%ae%c0%ae/x",
    "/partners/v/%zz",
    "/partners/v/%",
    "/partners/v/%8",
    "/partners/v/é",
    "/partners/v/t\u007f",
    "/partners/v/t t",
    '/partners/v/t"',
    "/%70artners/v/t",
    "/p%61rtners",
    "/%2570artners/v",
    "/./partners/v",
    "/x/../partners/v",
    "/x/%2e%2e/partners/v",
    "/partners%2fv",
    "http://evil/partners/v",
    "partners/v",
    "/partners/v/<x>",
    "/partners/v/{x}",
    "/partners/v/t|x",
    "/partners/v/`",
  ];
  for (const target of ambiguous) {
    const kind = read(target);
    t.ok(
      kind === "malformed" || (kind === "other" && !isPlainNativeTarget(target)),
      `${target} is ${String(kind)}`,
    );
  }
});

t.test("paths outside /partners are native traffic", async (t) => {
  for (const target of [
    "/",
    "/api/events",
    "/partnersx",
    "/api/partners",
    "/PARTNERS/v",
    "/admin?x=/partners",
    "*",
    "",
  ]) {
    t.equal(read(target), "other", target);
  }
});

t.test("a native target is plain only if the CMS resolves the same path as the gateway", async (t) => {
  for (const target of [
    "/api/events",
    "/api/media/file/a%20b.png",
    "/api?x=../y",
    "/admin/",
    "/api//x",
    "/_next/a;b",
    "/api/..a",
  ]) {
    t.ok(isPlainNativeTarget(target), target);
  }
  const bent = [
    "//evil/x",
    "/api/../users",
    "/api/%2e%2e/users",
    "/api/.%2E/users",
    "/api\\users",
    "/api/x%5c..",
    "/api/./x",
    "/api/..;/x",
    "/api/x#y",
    "/api/ä",
    "http://evil/api",
    "*",
    "",
    "/api/x\u0000",
    "/api/x%00",
    "/api/..%2fusers",
  ];
  for (const target of bent) t.notOk(isPlainNativeTarget(target), target);
});

t.test("a prefix covers itself and the paths below it, but no longer first segment", async (t) => {
  t.ok(isUnderPrefix("/api", ["/api"]));
  t.ok(isUnderPrefix("/api?x", ["/api"]));
  t.ok(isUnderPrefix("/api/x", ["/api"]));
  t.notOk(isUnderPrefix("/apix", ["/api"]));
  t.notOk(isUnderPrefix("/API/x", ["/api"]));
  t.ok(isUnderPrefix("/anything", ["/"]));
});
