import { once } from "node:events";
import { createServer } from "node:http";
import t, { type Test } from "tap";
import { freePort } from "../support/free-port.ts";
import { startProgram, type Program } from "../support/program.ts";
import { runCli } from "../support/prove.ts";
import { until } from "../support/until.ts";

/**
 * An upstream that leads back to the gateway. The gateway rejects a request that returns, so it passes the
 * loop once.
 */

const SETTINGS = { native: { prefixes: ["/"] }, upstream: { healthInterval: "1h" } };

async function ringOf(
  t: Test,
  size: number,
  settings: Record<string, unknown> = SETTINGS,
): Promise<Program[]> {
  const ports: number[] = [];
  while (ports.length < size) ports.push(await freePort());
  return Promise.all(
    ports.map(async (port, i) => {
      const upstream = `http://127.0.0.1:${ports[(i + 1) % size] ?? port}`;
      const program = await startProgram(upstream, { settings, env: { PORT: String(port) } });
      t.teardown(() => program.stop());
      return program;
    }),
  );
}

const loops = (program: Program) =>
  program
    .lines()
    .filter(({ msg, code, method }) => msg === "request" && code === "gateway.loop" && method === "POST");

for (const size of [1, 2, 3])
  t.test(`a ring of ${size} rejects a returning request at its first gateway`, async (t) => {
    const [first, ...others] = await ringOf(t, size);
    if (first === undefined) throw new Error("no gateway");
    for (const path of ["/", "/api/pages?limit=1", "/admin/login"]) {
      const answer = await fetch(first.url + path, { method: "POST", body: "hello" });
      t.equal(answer.status, 502, path);
      t.equal(answer.headers.get("proxy-status"), "partners-gateway; error=proxy_loop_detected");
      t.match(await answer.json(), { error: "Bad Gateway", message: "Upstream service unavailable" });
    }
    await until("the log lines", () => loops(first).length === 3);
    t.match(loops(first)[0], { level: 50, cause: "the upstream leads back to this gateway" });
    for (const other of others)
      t.strictSame(loops(other), [], "the request has passed here once and does not return");
  });

t.test("accepts gateways in a chain, and ignores a forged loop mark", async (t) => {
  const seen: (string | undefined)[] = [];
  const cms = createServer(({ headers }, response) => {
    seen.push(String(headers["cdn-loop"]));
    response.end("ok");
  }).listen(0, "127.0.0.1");
  await once(cms, "listening");
  t.teardown(() => cms.close());
  const address = cms.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const second = await startProgram(`http://127.0.0.1:${port}`, { settings: SETTINGS });
  const first = await startProgram(second.url, { settings: SETTINGS });
  t.teardown(() => Promise.all([first.stop(), second.stop()]));
  const ask = async (headers: Record<string, string>) => {
    seen.length = 0;
    const answer = await fetch(`${first.url}/page`, { headers });
    t.equal(await answer.text(), "ok");
    return seen.find((value) => value !== undefined && value.includes(",")) ?? "";
  };
  const marks = /^partners-gateway; id=(\w{24}), partners-gateway; id=(\w{24})$/;
  const [, one, two] = marks.exec(await ask({})) ?? [];
  t.not(one, two);
  const forged = "partners-gateway; id=000000000000000000000000, cdn.example";
  t.equal(
    await ask({ "cdn-loop": forged }),
    `${forged}, partners-gateway; id=${one}, partners-gateway; id=${two}`,
  );
});

t.test("a partner's request to a gateway that is its own CMS ends with 503", async (t) => {
  const [gateway] = await ringOf(t, 1);
  if (gateway === undefined) throw new Error("no gateway");
  const headers = { authorization: "users API-Key some-key" };
  const answer = await fetch(`${gateway.url}/partners/2026-02/acme/pages`, { headers });
  t.equal(answer.status, 503);
  const refusedCodes = () =>
    gateway.lines().flatMap(({ code }) => (code === "gateway.loop" || code === "native.keyed" ? [code] : []));
  await until("the log line", () => refusedCodes().length > 0);
  t.strictSame([...new Set(refusedCodes())], ["gateway.loop"], "before any other check");
});

t.test("check --live reports an upstream that is a gateway", async (t) => {
  for (const keys of ["refuse", "observe"]) {
    const [gateway] = await ringOf(t, 1, { ...SETTINGS, native: { prefixes: ["/"], keys } });
    const { code, err } = await runCli(["check", "--live"], { UPSTREAM_URL: gateway?.url });
    t.equal(code, 1);
    t.match(err, /upstream\.url: .*a gateway answers there, this one or another/);
  }
});
