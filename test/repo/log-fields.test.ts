import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { GatewayError } from "../../src/core/errors.ts";
import type { AccessLogFields } from "../../src/core/access-log.ts";
import { createLog, createLogListener } from "../../src/observe/log.ts";

/** Access log fields with every member set: a missing or extra member does not compile. */
const WHOLE: Required<AccessLogFields> = {
  stage: "forward",
  clientRequestId: "c",
  traceId: "t",
  userId: 1,
  keyVia: "memory",
  upstream: "default",
  version: "2026-02",
  versionState: "current",
  tenant: "acme",
  tenantVia: "redis",
  operation: "list",
  collection: "posts",
  upstreamRequests: 1,
  upstreamMs: 1.23456,
  upstreamStatus: 200,
  sharedWith: "s",
  code: "upstream.timeout",
  cause: new Error("slow"),
};

/** The fields that pino writes into every line. */
const OF_EVERY_LINE: ReadonlySet<string> = new Set(["level", "time", "msg"]);

t.test("docs/operating.md lists exactly the fields of an access log line", async (t) => {
  const lines: Record<string, unknown>[] = [];
  const log = createLog("info", { write: (line: string) => void lines.push(JSON.parse(line)) });
  const { request, refused } = createLogListener(log);
  request({ requestId: "r", method: "GET", status: 504, ms: 1.23456, note: WHOLE });
  const error = new GatewayError("native.keyed", { cause: "why" });
  refused({ requestId: "r", method: "GET", stage: "native", error });
  const [whole = [], bare = []] = lines.map((line) =>
    Object.keys(line).filter((name) => !OF_EVERY_LINE.has(name)),
  );
  const docs = readFileSync(join(import.meta.dirname, "../../docs/operating.md"), "utf8");
  const rows = [...docs.matchAll(/^\| `(\w+)` \| (all|partners|errors) \|/gm)];
  t.strictSame(rows.map(([, name = ""]) => name).toSorted(), whole.toSorted());
  const everywhere = rows.filter(([, , on]) => on !== "partners").map(([, name = ""]) => name);
  t.strictSame(everywhere.toSorted(), bare.toSorted(), "and of a rejected request's line");
});
