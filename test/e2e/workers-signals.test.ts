import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { stringify } from "yaml";
import { startCms } from "../support/cms/server.ts";
import type { Program } from "../support/program.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import { LOADING_ENDS } from "../support/slow-start.ts";
import { until } from "../support/until.ts";
import {
  Client,
  clientOfEach,
  countOf,
  halt,
  keyed,
  patient,
  pidOf,
  POSTS,
  startTwo,
  untilCount,
  untilReady,
  untilReplaced,
  workerOf,
} from "../support/workers.ts";

// What reaches a gateway of two workers from outside its port: signals, faults, the death of the primary.
t.setTimeout(0);
const SLOW_START = join(import.meta.dirname, "../support/slow-start.ts");
/** The end of an answer whose body is JSON. */
const ANSWERED = /\r\n\r\n\{[^]*\}$/;
const PRELOAD = join(import.meta.dirname, "../support/crash.ts");
const cms = await startCms({ record: false });
t.teardown(() => cms.close());

const saysReloaded = ({ msg }: Record<string, unknown>): boolean => /reloaded/.test(String(msg));

/** Writes the file, sends SIGHUP to all processes of the group and gives the first line that the log has for it. */
async function reload(program: Program, settings: Record<string, unknown>) {
  const from = program.lines().length;
  await writeFile(join(program.cwd, "settings.yaml"), stringify(patient(settings)));
  program.signal("SIGHUP");
  return until("a word of the reload", () => program.lines().slice(from).find(saysReloaded));
}

/** A write whose body lacks its last byte. */
async function holdWrite(program: Program) {
  const client = await rawConnect(program.port);
  const body = '{"title":"held"';
  const head = [`POST ${POSTS} HTTP/1.1`, "Host: h", `Authorization: ${keyed("partnerA")["authorization"]}`];
  client.send(rawRequest([...head, "Expect: 100-continue", `Content-Length: ${body.length + 1}`]));
  await client.until(/100 Continue/);
  client.send(body);
  return client;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

t.test(
  "SIGHUP under load reloads both workers and fails no request; a bad configuration changes neither",
  async (t) => {
    const settings = { upstream: { url: cms.url } };
    // To the whole group, as a terminal that closes would: a worker that took it for itself would end.
    const program = await startTwo(t, "", { settings, group: true });
    const both = await clientOfEach(t, program);
    const state = { isOver: false };
    const statuses: number[] = [];
    // The worker that is killed at the end breaks its clients' connections, which ends their traffic.
    const client = async (): Promise<void> => {
      const own = new Client(program);
      t.teardown(() => own.close());
      while (!state.isOver) statuses.push((await own.ask(`${POSTS}?limit=1`)).status);
    };
    const traffic = Promise.allSettled(Array.from({ length: 6 }, client));
    const work = async (): Promise<void> => {
      for (let i = 1; i <= 3; i += 1) {
        const line = await reload(program, { ...settings, limits: { page: 10 + i } });
        t.match(line, { msg: "configuration reloaded" });
        const goal = statuses.length + 6;
        await until("traffic after the reload", () => statuses.length >= goal);
      }
      const limited = { ...settings, limits: { page: 2 } };
      const fixed = await reload(program, { ...limited, server: { maxHeaders: 50 } });
      t.match(fixed, { needRestart: ["server.maxHeaders"] });
      for (const client of both) t.match((await client.ask(POSTS)).body, /"limit":2,/);
      const bad = await reload(program, { ...settings, limits: { page: "many" } });
      t.match(bad, { msg: /not reloaded/, problems: [/limits\.page/] });
      for (const client of both) {
        const { body, id } = await client.ask(POSTS);
        t.match(body, /"limit":2,/, "the old one stays");
        // A worker writes its lines in their order: had it one of its own for a reload, that would be there by now.
        await workerOf(program, id);
      }
      t.equal(program.lines().filter(saysReloaded).length, 5, "once each, and not once for each worker");
      process.kill(pidOf(program, 1), "SIGKILL");
      await untilReady(program, (body) => JSON.stringify(body).includes('"workers":"ok"'));
    };
    await work().finally(() => (state.isOver = true));
    await traffic;
    t.ok(statuses.every((status) => status === 200));
    t.equal(await countOf(program, "gateway_reloads_total", /applied/), 4);
    t.equal(await countOf(program, "gateway_reloads_total", /refused/), 1);
    for (const client of await clientOfEach(t, program))
      t.match(
        (await client.ask(POSTS)).body,
        /"limit":2,/,
        "a worker that begins later has it too, with the file as bad as it is",
      );
  },
);

t.test("a hanging worker delays no reload of the others, and reloads when it goes on", async (t) => {
  const settings = { upstream: { url: cms.url }, server: { hangTimeout: "10m" } };
  const program = await startTwo(t, "", { settings });
  const [one, two] = await clientOfEach(t, program);
  await halt(pidOf(program, 2));
  await untilReady(program, (body) => JSON.stringify(body).includes('"workers":"degraded"'));
  for (const page of [3, 2]) {
    await reload(program, { ...settings, limits: { page } });
    // The reload waits for no worker that is silent, which on a slow machine the first may be for a moment.
    await until(`a limit of ${page} at the worker that does not hang`, async () =>
      (await one.ask(POSTS)).body.includes(`"limit":${page},`),
    );
  }
  // The gateway gives a worker up after half a minute. Had it waited for that, the reload would come after.
  const order = program.lines().map(({ msg }) => String(msg));
  const given = order.findIndex((msg) => msg.startsWith("worker does not take the configuration"));
  t.ok(
    given === -1 || order.indexOf("configuration reloaded") < given,
    "a reload waits for no hanging worker",
  );
  process.kill(pidOf(program, 2), "SIGCONT");
  await untilReady(program, (body) => JSON.stringify(body).includes('"workers":"ok"'));
  await until("the limit at the worker that hung", async () =>
    (await two.ask(POSTS)).body.includes('"limit":2,'),
  );
});

t.test("a second signal ends all workers at once", async (t) => {
  const program = await startTwo(t, cms.url, { group: true });
  const pids = [pidOf(program, 1), pidOf(program, 2)];
  const [answered, held] = [await holdWrite(program), await holdWrite(program)];
  program.signal("SIGINT");
  await untilReady(program, (_, status) => status === 503);
  answered.send("}");
  t.match(await answered.until(ANSWERED), /HTTP\/1\.1 201 /, "the first, to all of the group, drains");
  t.ok(pids.some(isAlive));
  t.equal(held.text().includes("201"), false);
  program.signal("SIGINT");
  t.equal(await inTime(program.ended, () => "the end"), 1);
  await held.end();
  await until("the end of both", () => !pids.some(isAlive));
});

t.test(
  "a worker with an uncaught exception finishes its requests while another serves in its place",
  async (t) => {
    const program = await startTwo(t, cms.url, { preload: PRELOAD, env: { CRASH_TEXT: "the staged fault" } });
    const held = await holdWrite(program);
    const before = [1, 2].map((worker) => pidOf(program, worker));
    // The kernel decided which of them has the write.
    for (const [i, pid] of before.entries()) {
      process.kill(pid, "SIGUSR2");
      await untilReplaced(program, i + 1, pid);
    }
    const client = new Client(program);
    t.teardown(() => client.close());
    t.equal((await client.ask(POSTS)).status, 200, "others serve before it has ended");
    await until("the end of the worker that has no request", () => before.filter(isAlive).length <= 1);
    t.equal(before.filter(isAlive).length, 1, "and it waits for its last request");
    held.send("}");
    t.match(await held.until(ANSWERED), /HTTP\/1\.1 201 /);
    await until("the end of both", () => !before.some(isAlive));
    t.equal(await countOf(program, "gateway_worker_restarts_total"), 2);
    t.match(
      program.lines().filter(({ msg }) => msg === "uncaught exception"),
      [{ worker: 1, cause: { message: "the staged fault" } }, { worker: 2 }],
    );
    program.signal("SIGTERM");
    t.equal(await inTime(program.ended, () => "the end"), 0, "what is replaced does not count at the end");
  },
);

t.test("hangTimeout does not apply to a worker that is still loading", async (t) => {
  const settings = { server: { hangTimeout: "10s" } };
  const program = await startTwo(t, cms.url, { settings, preload: SLOW_START });
  const [stuck, killed] = [pidOf(program, 1), pidOf(program, 2)];
  const told = (wanted: string, worker: number) => () =>
    program.lines().find((line) => line["msg"] === wanted && line["worker"] === worker);
  process.kill(killed, "SIGKILL");
  await until("another to load", () => program.lines().find(({ msg }) => msg === "worker loads"));
  t.equal(await untilCount(program, "gateway_worker_restarts_total", 1), 1);
  // By the time that a worker which hangs from now on is given up, the one that loads would have been.
  await halt(stuck);
  await until("the end of the worker that hangs", told("worker ended", 1));
  t.match(
    program.lines().filter(({ msg }) => String(msg).includes("hangs")),
    [{ worker: 1, pid: stuck }],
  );
  await writeFile(join(program.cwd, LOADING_ENDS), "");
  await untilReplaced(program, 2, killed);
});

t.test("the workers end with a primary that is killed", async (t) => {
  const program = await startTwo(t, cms.url);
  const pids = [pidOf(program, 1), pidOf(program, 2)];
  program.signal("SIGKILL");
  await inTime(program.ended, () => "the end of all who write to its log");
  await until("the end of both", () => !pids.some(isAlive));
  t.pass("neither is left");
});

t.test("connections over maxConnections are closed at once", async (t) => {
  const program = await startTwo(t, cms.url, { settings: { server: { maxConnections: 3 } } });
  const request = rawRequest([
    `GET ${POSTS} HTTP/1.1`,
    "Host: h",
    `Authorization: ${keyed("partnerA")["authorization"]}`,
  ]);
  const clients = [];
  for (let i = 0; i < 6; i += 1) {
    const client = await rawConnect(program.port);
    client.send(request);
    await Promise.race([client.until(/200 OK/).catch(() => undefined), client.end()]);
    clients.push(client);
  }
  t.equal(
    clients.filter((client) => client.text().includes("200 OK")).length,
    4,
    "three, rounded up for two workers",
  );
  t.equal(clients.filter((client) => client.text() === "").length, 2);
});
