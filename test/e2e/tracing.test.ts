import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { startCollector } from "../support/collector.ts";
import { heldTimers } from "../support/drain-gate.ts";
import { startProgram, type Program } from "../support/program.ts";
import { inTime } from "../support/raw.ts";
import { until } from "../support/until.ts";

/** Traces of the program before a real CMS, as a collector receives them. */

const cms = await startCms();
const collector = await startCollector();
t.teardown(async () => {
  await collector.close();
  await cms.close();
});

const CLIENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const AUTH = `users API-Key ${cms.keys.partnerA}`;

/**
 * How long a gateway waits at its end for the last spans to be delivered, in milliseconds. The test holds
 * this timer, so the wait has no limit.
 */
const LAST_WAIT = 2_000;
/** How long after a span the gateway delivers its spans, in milliseconds. */
const BATCH = 1_000;

async function start(
  t: Test,
  env: Record<string, string> = {},
  preload = heldTimers(LAST_WAIT),
): Promise<Program> {
  const settings = { partners: { collections: ["posts"] } };
  const program = await startProgram(cms.url, { settings, env, preload });
  t.teardown(async () => {
    program.signal("SIGKILL");
    await program.ended;
  });
  return program;
}

async function ask(program: Program, path: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(`${program.url}${path}`, { headers: { authorization: AUTH, ...headers } });
  await answer.arrayBuffer();
  return answer.headers.get("x-request-id") ?? "";
}

const traceparents = (): (string | undefined)[] =>
  cms.takeRequests().map(({ headers }) => headers["traceparent"]?.toString());

t.test(
  "a partner request is a span in the client's trace, with a child span for each request to the CMS",
  async (t) => {
    const held = heldTimers(LAST_WAIT, BATCH);
    const program = await start(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, held);
    cms.takeRequests();
    const secret = "VALUE-OF-A-QUERY";
    const requestId = await ask(program, `/partners/2026-02/tenant-a/posts?where[title][equals]=${secret}`, {
      traceparent: CLIENT,
      tracestate: "vendor=text-of-the-client",
    });
    const seen = traceparents().filter((value) => value !== undefined);
    program.signal("SIGTERM");
    t.equal(await inTime(program.ended, () => "the end"), 0, "pending spans are sent at the end");
    const spans = await inTime(collector.until(5), () => collector.text());
    const server = spans.filter(({ kind }) => kind === 2);
    const asked = spans.filter(({ kind }) => kind === 3);
    t.match(server, [
      {
        traceId: TRACE,
        parentSpanId: "00f067aa0ba902b7",
        name: "GET /partners/:version/:tenant/:collection",
        attributes: {
          "http.request.method": "GET",
          "http.response.status_code": 200,
          "http.route": "/partners/:version/:tenant/:collection",
          "url.path": "/partners/2026-02/tenant-a/posts",
          "gateway.request_id": requestId,
          "gateway.tenant": "tenant-a",
          "gateway.key_via": "cms",
          "user.id": "2",
        },
      },
    ]);
    t.strictSame(
      asked.map(({ attributes }) => attributes["url.path"]),
      ["/api/users/me", "/api/tenants", "/api/tenants", "/api/posts"],
    );
    for (const { traceId, parentSpanId, attributes } of asked) {
      t.equal(traceId, TRACE);
      t.equal(parentSpanId, server[0]?.spanId);
      t.match(attributes, {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
      });
    }
    t.strictSame(
      seen,
      asked.map(({ spanId }) => `00-${TRACE}-${spanId}-01`),
      "the CMS receives each span's id",
    );
    const line = program.lines().find((entry) => entry["requestId"] === requestId);
    t.equal(line?.["traceId"], TRACE, "the log names the trace");
    for (const text of [cms.keys.partnerA, secret, "text-of-the-client"]) t.notMatch(collector.text(), text);
  },
);

t.test("starts a new trace for a malformed traceparent and does not forward it", async (t) => {
  const program = await start(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  cms.takeRequests();
  for (const traceparent of [
    `${CLIENT}\tx`,
    "00-0-0-00",
    `ff${CLIENT.slice(2)}`,
    `${CLIENT.slice(0, 3)}${"0".repeat(32)}-00f067aa0ba902b7-01`,
  ]) {
    await ask(program, "/partners/2026-02/tenant-a/posts?limit=1", { traceparent });
    const [own] = traceparents().slice(-1);
    t.match(own, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    t.notMatch(own, /4bf92f35|-0{32}-/, traceparent);
  }
});

t.test("forwards the traceparent of a native request unchanged", async (t) => {
  const program = await start(t, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
  cms.takeRequests();
  await (await fetch(`${program.url}/api/posts?limit=1`, { headers: { traceparent: CLIENT } })).arrayBuffer();
  t.strictSame(
    traceparents().filter((value) => value !== undefined),
    [CLIENT],
  );
});

t.test("without the variable, sends no trace and loads no part of OpenTelemetry", async (t) => {
  const program = await start(t);
  cms.takeRequests();
  await ask(program, "/partners/2026-02/tenant-a/posts?limit=1", { traceparent: CLIENT });
  t.ok(
    traceparents().every((value) => value === undefined),
    "the carrier of headers begins empty",
  );
  t.ok(program.lines().every((entry) => !("traceId" in entry)));
});

t.test("an unreachable collector fails no request and is reported at most once a minute", async (t) => {
  const program = await start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
    OTEL_EXPORTER_OTLP_TIMEOUT: "500",
  });
  for (let i = 0; i < 20; i += 1) t.ok(await ask(program, "/partners/2026-02/tenant-a/posts?limit=1"));
  const complaints = () => program.lines().filter(({ msg }) => msg === "traces are not delivered");
  await until("the report", () => complaints().length > 0);
  for (let i = 0; i < 20; i += 1) await ask(program, "/partners/2026-02/tenant-a/posts?limit=1");
  program.signal("SIGTERM");
  t.equal(await inTime(program.ended, () => "the end"), 0);
  const times = complaints().map(({ time }) => Date.parse(String(time)));
  t.strictSame(
    times.filter((time, i) => time - (times[i - 1] ?? -Infinity) < 59_000),
    [],
    "the second report, if the machine is that slow, comes at least a minute after the first",
  );
});

t.test("reports a wrong endpoint or sampling ratio and starts without traces", async (t) => {
  const wrong = [
    { OTEL_EXPORTER_OTLP_ENDPOINT: "collector" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: "ten" },
  ];
  for (const env of wrong) {
    const program = await start(t, env);
    t.match(program.lines(), [{ level: 40, msg: /no traces$/ }], JSON.stringify(env));
  }
});
