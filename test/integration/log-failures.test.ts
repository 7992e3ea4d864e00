import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { USERS } from "../support/cms/keys.ts";
import { answerOf, closesEarly, says, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import { rawExchange, rawRequest } from "../support/raw.ts";
import { until } from "../support/until.ts";

/** The log's line of a failed request is all that an operator has of it afterwards: its id leads to stage, code and cause. */

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const users = { [USERS.partnerD.id]: { reads: 1 } };
const gateway = await startTestGateway(line.url, {
  partners: { collections: ["posts", "events"] },
  rate: { enabled: true, window: "1h", reads: 1_000, writes: 1_000, users },
});
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});

const V = "/partners/2026-02";
const A = `${V}/tenant-a`;

/** A failed request, and the members that its line must have. */
interface Failure extends RequestInit {
  readonly path: string;
  readonly key?: string | null;
  readonly logged: Readonly<Record<string, unknown>>;
}

/** Resolves with the lines `request` that have this id, once there is one. */
async function linesOf(requestId: string): Promise<Record<string, unknown>[]> {
  return until(`the line of ${requestId}`, () => {
    const lines = gateway.lines().filter((one) => one["msg"] === "request" && one["requestId"] === requestId);
    return lines.length > 0 && lines;
  });
}

/** Sends a request and compares its one line with the response and with the expected members. */
async function expectLine(t: Test, { path, key = cms.keys.partnerA, logged, ...init }: Failure) {
  const headers = key === null ? {} : { authorization: `users API-Key ${key}` };
  const response = await fetch(gateway.url + path, { headers, ...init });
  await response.arrayBuffer();
  const lines = await linesOf(response.headers.get("x-request-id") ?? "");
  t.equal(lines.length, 1, `${path}: one line`);
  t.match(lines[0], { method: init.method ?? "GET", status: response.status, ...logged }, path);
}

t.test("a request that a stage refuses has that stage and its code in the log", async (t) => {
  const failures: readonly Failure[] = [
    { path: `${A}/events/%2e%2e%2fx`, logged: { stage: "receive", code: "request.malformed" } },
    { path: `${A}/events`, key: "unknown", logged: { stage: "authenticate", code: "key.rejected" } },
    { path: "/partners/1999-01/tenant-a/events", logged: { stage: "version", code: "version.unsupported" } },
    { path: `${V}/tenant-c/events`, logged: { stage: "tenant", code: "tenant.unknown" } },
    { path: `${A}/users`, logged: { stage: "route", code: "route.unknown" } },
    {
      path: `${A}/events`,
      method: "POST",
      body: "[]",
      logged: { stage: "body", code: "body.malformed" },
    },
    { path: `${A}/events/50`, method: "DELETE", logged: { stage: "authorise", code: "document.unknown" } },
    { path: `${A}/events/50`, logged: { stage: "answer", code: "document.unknown", upstreamStatus: 200 } },
    {
      path: `${A}/events`,
      method: "POST",
      body: "{}",
      logged: { stage: "answer", code: "document.invalid", upstreamStatus: 400 },
    },
  ];
  for (const failure of failures) await expectLine(t, failure);
});

t.test("a request over its rate limit has its user and its code in the log", async (t) => {
  const headers = { authorization: `users API-Key ${cms.keys.partnerD}` };
  const first = await fetch(`${gateway.url}${V}/tenant-d/events?limit=1`, { headers });
  t.equal(first.status, 200);
  await first.arrayBuffer();
  await expectLine(t, {
    path: `${V}/tenant-d/events?limit=1`,
    key: cms.keys.partnerD,
    logged: { stage: "rate", code: "key.limited", userId: USERS.partnerD.id },
  });
});

t.test("a request that the CMS fails has the cause in the log", async (t) => {
  line.stage(closesEarly, /\/api\/(?!users)/);
  await expectLine(t, {
    path: `${A}/events`,
    method: "POST",
    body: "{}",
    logged: { stage: "forward", code: "upstream.unreachable", cause: { name: String, message: String } },
  });
  line.stage(says(answerOf("200 OK", "<html>", ["content-type: text/html"])), /\/api\/(?!users)/);
  await expectLine(t, {
    path: `${A}/events`,
    logged: { stage: "answer", code: "upstream.failed", cause: { contentType: "text/html" } },
  });
  await line.heal();
});

t.test("a request outside the pipeline has stage and code in the log as well", async (t) => {
  await expectLine(t, { path: "/api/events", logged: { stage: "native", code: "native.keyed" } });
  await expectLine(t, { path: "/nowhere", key: null, logged: { stage: "server", code: "route.unknown" } });
  await expectLine(t, { path: "/nowhere", logged: { stage: "server", code: "native.keyed" } });
  line.stage(closesEarly);
  await expectLine(t, {
    path: "/api/events",
    key: null,
    method: "POST",
    body: "{}",
    logged: { stage: "native", code: "upstream.unreachable", cause: { message: String } },
  });
  await line.heal();
  const raw = await rawExchange(gateway.port, rawRequest(["GET / HTTP/1.1", "Host: h", "no header"]));
  const [entry] = await linesOf(/"requestId":"([^"]+)"/.exec(raw)?.[1] ?? "");
  t.match(entry, { stage: "server", code: "request.malformed", cause: { code: /^HPE_/ } });
});
