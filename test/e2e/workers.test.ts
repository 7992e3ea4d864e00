import { createServer } from "node:net";
import { once } from "node:events";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { startProgram, type Program } from "../support/program.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import {
  Client,
  clientOfEach,
  countOf,
  keyed,
  metricsOf,
  pause,
  pidOf,
  POSTS,
  startTwo,
  underLoad,
  untilReady,
  workerOf,
  type Got,
} from "../support/workers.ts";

// Two workers behind one port, as processes, before a real CMS: one gateway to whoever looks at it, be it from outside,
// through the admin port, or by a worker's death.
t.setTimeout(240_000);
const cms = await startCms({ record: false });
t.teardown(() => cms.close());

const isWell = (body: unknown): boolean => JSON.stringify(body).includes('"workers":"ok"');

const someClients = (program: Program, n: number): Client[] =>
  Array.from({ length: n }, (_, i) => new Client(program, { keepAlive: i % 4 !== 3 }));

t.test("two share the port, and one page sums what both have done", async (t) => {
  const settings = { trace: { keep: 10 }, limits: { inFlight: 101 }, upstream: { connections: 3 } };
  const program = await startTwo(t, cms.url, { settings });
  t.match(
    program.lines().filter(({ msg }) => msg === "listening"),
    [{ workers: 2, port: program.port, adminPort: program.adminPort }],
  );
  const [one, two] = await clientOfEach(t, program);
  const before = await countOf(program, "gateway_partner_requests_total");
  const answers: Got[] = [];
  for (let i = 0; i < 7; i += 1) answers.push(await one.ask(POSTS));
  for (let i = 0; i < 5; i += 1) answers.push(await two.ask(POSTS));
  t.ok(answers.every(({ status }) => status === 200));
  t.equal(await countOf(program, "gateway_partner_requests_total"), before + 12);
  const page = await metricsOf(program);
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
  for (const { id } of [answers.at(0), answers.at(-1)].filter((got) => got !== undefined)) {
    const past = await (await fetch(`${program.adminUrl}/explain/${id}`)).text();
    t.match(past, id, "whichever worker it was");
  }
  const events = await fetch(`${program.adminUrl}/events`);
  const [, data = ""] = /data: (.*)\n/.exec(await firstOf(events)) ?? [];
  const snapshot: { series: { answered: number[] }; health: unknown } = JSON.parse(data);
  t.equal(
    snapshot.series.answered.reduce((sum, n) => sum + n, 0),
    before + 12,
  );
  t.match(snapshot.health, { ready: true, parts: { cms: "ok", workers: "ok" } });
});

async function firstOf({ body }: Response): Promise<string> {
  let text = "";
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk).toString();
    if (text.includes("\n\n") && text.includes("data:")) break;
  }
  return text;
}

t.test("one that is killed under load takes its own connections along, and is replaced", async (t) => {
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
    t.equal(await countOf(program, "gateway_native_requests_total"), 5);
    process.kill(killed, "SIGKILL");
    while (pidOf(program, 1) === killed) await pause(20);
    t.equal(await countOf(program, "gateway_native_requests_total"), 5, "no counter falls");
    await more(100);
  });
  t.ok(answers.every(({ status }) => status === 200));
  t.strictSame(
    errors.filter(({ client }) => at[client] !== 1),
    [],
    "the others saw nothing",
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

t.test("a connection on its way to a worker that dies is closed, not left open for ever", async (t) => {
  const program = await startTwo(t, cms.url);
  const stuck = pidOf(program, 1);
  process.kill(stuck, "SIGSTOP");
  const request = rawRequest([
    `GET ${POSTS} HTTP/1.1`,
    "Host: h",
    `Authorization: ${keyed("partnerA")["authorization"]}`,
  ]);
  const clients = await Promise.all(Array.from({ length: 3 }, () => rawConnect(program.port)));
  for (const client of clients) client.send(request);
  const answered = (): number => clients.filter((client) => client.text().includes("200 OK")).length;
  while (answered() < 2) await pause(20);
  await pause(200);
  t.equal(answered(), 2, "a worker that hangs gets one connection, and not every second");
  process.kill(stuck, "SIGKILL");
  const lost = clients.find((client) => client.text() === "");
  t.match(await lost?.end(), { text: "" });
});

t.test(
  "one that hangs keeps neither the page nor a write waiting, and is back when it goes on",
  async (t) => {
    const program = await startTwo(t, cms.url, { settings: { redis: { ackTimeout: "10m" } } });
    const [one] = await clientOfEach(t, program);
    const counted = await countOf(program, "gateway_partner_requests_total");
    process.kill(pidOf(program, 2), "SIGSTOP");
    t.ok((await countOf(program, "gateway_partner_requests_total")) >= counted, "what it told before counts");
    const ready = await fetch(`${program.adminUrl}/readyz`);
    t.equal(ready.status, 200);
    t.match(await ready.json(), { status: "ready", parts: { workers: "degraded" } });
    const write = { method: "PATCH", body: JSON.stringify({ text: "while one hangs" }) };
    // Known by now to hang: a write that waited for it would wait for ten minutes.
    for (let i = 0; i < 5; i += 1) t.equal((await one.ask(`${POSTS}/1`, write)).status, 200);
    process.kill(pidOf(program, 2), "SIGCONT");
    await untilReady(program, isWell);
  },
);

t.test("one that hangs for good is killed, and replaced", async (t) => {
  const program = await startTwo(t, cms.url, { settings: { server: { hangTimeout: "900ms" } } });
  const stuck = pidOf(program, 2);
  process.kill(stuck, "SIGSTOP");
  while (pidOf(program, 2) === stuck) await pause(20);
  const told = program.lines().filter(({ pid }) => pid === stuck);
  t.match(told.slice(1), [
    { level: 50, msg: "worker hangs: it is killed", worker: 2 },
    { level: 50, msg: "worker ended", worker: 2, exit: "SIGKILL" },
  ]);
  await untilReady(program, isWell);
});

for (const group of [false, true]) {
  const whom = group ? "all processes of the group" : "the primary";
  t.test(`SIGTERM to ${whom} under load: nobody sees a failure`, async (t) => {
    const settings = { server: { drainDelay: "2s", drainTimeout: "60s" } };
    const program = await startTwo(t, cms.url, { settings, group });
    const { answers, errors } = await underLoad(someClients(program, 8), async (outcome, more) => {
      await more(50);
      program.signal("SIGTERM");
      await untilReady(
        program,
        (body, status) => status === 503 && JSON.stringify(body).includes("draining"),
      );
      const from = outcome.answers.length;
      await more(20);
      t.ok(
        outcome.answers.slice(from + 10).some(({ closes }) => closes),
        "clients are asked to go elsewhere",
      );
    });
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

t.test("a wrong configuration, or a port that is taken, is one message", async (t) => {
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
