import { createServer } from "node:net";
import { once } from "node:events";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { DRAIN_GATE, HELD_DRAIN, RELEASE } from "../support/drain-gate.ts";
import { startProgram, type Program } from "../support/program.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import { until } from "../support/until.ts";
import {
  Client,
  clientOfEach,
  countOf,
  halt,
  keyed,
  metricsOf,
  pidOf,
  POSTS,
  startTwo,
  underLoad,
  untilCount,
  untilReady,
  untilReplaced,
  workerOf,
  type Got,
} from "../support/workers.ts";

// Two workers behind one port, as processes, before a real CMS. Clients, the admin port and the death of a worker show
// them as one gateway.
t.setTimeout(0);
const cms = await startCms({ record: false });
t.teardown(() => cms.close());

const isWell = (body: unknown): boolean => JSON.stringify(body).includes('"workers":"ok"');

const someClients = (program: Program, n: number): Client[] =>
  Array.from({ length: n }, (_, i) => new Client(program, { keepAlive: i % 4 !== 3 }));

t.test("two workers share the port, and one metrics page sums their counters", async (t) => {
  const settings = { limits: { inFlight: 101 }, upstream: { connections: 3 } };
  const program = await startTwo(t, cms.url, { settings });
  t.match(
    program.lines().filter(({ msg }) => msg === "listening"),
    [{ workers: 2, port: program.port, adminPort: program.adminPort }],
  );
  const [one, two] = await clientOfEach(t, program);
  const before = await untilCount(program, "gateway_partner_requests_total", 2);
  const answers: Got[] = [];
  for (let i = 0; i < 7; i += 1) answers.push(await one.ask(POSTS));
  for (let i = 0; i < 5; i += 1) answers.push(await two.ask(POSTS));
  t.ok(answers.every(({ status }) => status === 200));
  t.equal(await untilCount(program, "gateway_partner_requests_total", before + 12), before + 12);
  // The page leaves out what a worker does not tell within half a second.
  const page = await until("a page by both workers", async () => {
    const text = await metricsOf(program);
    return text.includes('gateway_part_state{part="workers"} 1') && text;
  });
  for (const line of [
    "gateway_workers 2",
    'gateway_part_state{part="workers"} 1',
    'gateway_part_state{part="cms"} 1',
    'gateway_load_limit{of="requests"} 102',
    'gateway_load_limit{of="upstream_connections"} 4',
    "gateway_worker_restarts_total 0",
  ])
    t.ok(page.includes(`\n${line}\n`), line);
  t.match(page, /\ngateway_build_info\{[^}]*\} 1\n/, "of the whole, not of each");
  t.match(page, /\ngateway_process_start_time_seconds \d+\n/);
  const { series, health } = await until("a snapshot by both workers", async () => {
    const snapshot = await snapshotOf(program);
    return JSON.stringify(snapshot.health).includes('"workers":"ok"') && snapshot;
  });
  t.equal(
    series.answered.reduce((sum, n) => sum + n, 0),
    before + 12,
  );
  t.match(health, { ready: true, parts: { cms: "ok", workers: "ok" } });
});

async function snapshotOf(program: Program): Promise<{ series: { answered: number[] }; health: unknown }> {
  const { body } = await fetch(`${program.adminUrl}/events`);
  let text = "";
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes("\n\n") && text.includes("data:")) break;
  }
  return JSON.parse(/data: (.*)\n/.exec(text)?.[1] ?? "");
}

t.test("a worker killed under load breaks only its own connections, and is replaced", async (t) => {
  const program = await startTwo(t, cms.url);
  const clients = Array.from({ length: 8 }, () => new Client(program));
  const at = await Promise.all(
    clients.map(async (client) => workerOf(program, (await client.ask(`${POSTS}?limit=1`)).id)),
  );
  t.ok(new Set(at).size === 2, `clients at ${at.join(", ")}`);
  const doomed = clients[at.indexOf(1)];
  for (let i = 0; i < 5; i += 1) await doomed?.ask("/api/users/me", { headers: {} });
  const killed = pidOf(program, 1);
  const { answers, errors } = await underLoad(clients, async (_, more) => {
    await more(100);
    t.equal(await untilCount(program, "gateway_native_requests_total", 5), 5);
    process.kill(killed, "SIGKILL");
    await untilReplaced(program, 1, killed);
    t.equal(await countOf(program, "gateway_native_requests_total"), 5, "no counter falls");
    await more(100);
  });
  t.ok(answers.every(({ status }) => status === 200));
  t.strictSame(
    errors.filter(({ client }) => at[client] !== 1),
    [],
    "no connection of the other worker broke",
  );
  // One that is quicker to connect anew than the primary is to learn of the death may be handed to the dead.
  const broken = errors.map(({ client }) => client);
  t.ok(
    broken.length - new Set(broken).size <= 1,
    `one connection each, of one client two: ${broken.join(", ")}`,
  );
  await untilReady(program, isWell);
  t.match(await metricsOf(program), /\ngateway_worker_restarts_total 1\n[^]*\ngateway_workers 2\n/);
  t.match(
    program.lines().find(({ msg }) => msg === "worker ended"),
    { level: 50, worker: 1, pid: killed, exit: "SIGKILL" },
  );
  t.comment(`${answers.length} answers, ${errors.length} broken connections`);
});

t.test("a connection that is being handed to a dying worker is closed", async (t) => {
  const program = await startTwo(t, cms.url);
  const stuck = pidOf(program, 1);
  await halt(stuck);
  const request = rawRequest([
    `GET ${POSTS} HTTP/1.1`,
    "Host: h",
    `Authorization: ${keyed("partnerA")["authorization"]}`,
  ]);
  const clients = await Promise.all(Array.from({ length: 3 }, () => rawConnect(program.port)));
  for (const client of clients) client.send(request);
  const answered = (): number => clients.filter((client) => client.text().includes("200 OK")).length;
  await until("two answers", () => answered() >= 2);
  process.kill(stuck, "SIGKILL");
  const lost = clients.find((client) => client.text() === "");
  t.match(await lost?.end(), { text: "" }, "a worker that hangs gets one connection, and not every second");
});

t.test(
  "a hanging worker delays neither the metrics page nor a write, and counts again when it goes on",
  async (t) => {
    const program = await startTwo(t, cms.url, { settings: { redis: { ackTimeout: "10m" } } });
    const [one] = await clientOfEach(t, program);
    const counted = await countOf(program, "gateway_partner_requests_total");
    await halt(pidOf(program, 2));
    t.ok((await countOf(program, "gateway_partner_requests_total")) >= counted, "what it told before counts");
    await untilReady(
      program,
      (body, status) => status === 200 && /"status":"ready".*"workers":"degraded"/.test(JSON.stringify(body)),
    );
    const write = { method: "PATCH", body: JSON.stringify({ text: "while one hangs" }) };
    // Known by now to hang: a write that waited for it would wait for ten minutes.
    for (let i = 0; i < 5; i += 1) {
      const { status } = await inTime(one.ask(`${POSTS}/1`, write), () => "a write while one worker hangs");
      t.equal(status, 200);
    }
    process.kill(pidOf(program, 2), "SIGCONT");
    await untilReady(program, isWell);
  },
);

t.test("a worker that hangs longer than hangTimeout is killed and replaced", async (t) => {
  const program = await startTwo(t, cms.url, { settings: { server: { hangTimeout: "2s" } } });
  const stuck = pidOf(program, 2);
  await halt(stuck);
  await untilReplaced(program, 2, stuck);
  const told = program.lines().filter(({ pid }) => pid === stuck);
  t.match(told.slice(1), [
    { level: 50, msg: "worker hangs: it is killed", worker: 2 },
    { level: 50, msg: "worker ended", worker: 2, exit: "SIGKILL" },
  ]);
  await untilReady(program, isWell);
});

for (const group of [false, true]) {
  const whom = group ? "all processes of the group" : "the primary";
  t.test(`SIGTERM to ${whom} under load: no request fails, and each is in the log`, async (t) => {
    const settings = { server: { drainDelay: HELD_DRAIN } };
    const program = await startTwo(t, cms.url, { settings, group, preload: DRAIN_GATE });
    const workers = [pidOf(program, 1), pidOf(program, 2)];
    const { answers, errors } = await underLoad(someClients(program, 8), async (outcome, more) => {
      await more(50);
      program.signal("SIGTERM");
      await untilReady(
        program,
        (body, status) => status === 503 && JSON.stringify(body).includes("draining"),
      );
      const from = outcome.answers.length;
      await until("clients to be asked to connect anew", () =>
        outcome.answers.slice(from).some(({ closes }) => closes),
      );
      await more(20);
    });
    for (const pid of workers) process.kill(pid, RELEASE);
    t.strictSame(errors, []);
    t.ok(answers.every(({ status }) => status === 200));
    t.equal(await inTime(program.ended, () => "the end"), 0);
    const logged = new Set(program.lines().map(({ requestId }) => requestId));
    t.strictSame(
      answers.filter(({ id }) => !logged.has(id)),
      [],
      "every line of both was written",
    );
    t.comment(`${answers.length} answers, none failed`);
  });
}

t.test("a wrong configuration or a taken port is reported in one message", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.teardown(() => taken.close());
  const address = taken.address();
  const port = String(typeof address === "object" && address !== null ? address.port : 0);
  const said = async (t: Test, settings: Record<string, unknown>, env: Record<string, string>) => {
    const failure = startProgram(cms.url, { settings, env: { WORKERS: "2", ...env } });
    const message = await failure.then(
      () => "it started",
      (error: unknown) => String(error),
    );
    t.match(
      message,
      /^Error: ended with 1 before it listened: The configuration has a problem:\n {2}- [^\n]*\n$/,
    );
    return message;
  };
  t.match(await said(t, {}, { PORT: port }), /server\.port \(PORT, HOST\): .* is taken by another process/);
  t.match(
    await said(t, {}, { ADMIN_PORT: port }),
    /server\.adminPort \(ADMIN_PORT, ADMIN_HOST\): .* is taken/,
  );
  t.match(await said(t, { limits: { page: 0 } }, {}), /limits\.page: expected a whole number/);
  const counting = await said(t, { rate: { enabled: true } }, {});
  t.match(counting, /rate\.enabled: several workers would each count .*; set REDIS_URL \(redis\.url\), or/);
});
