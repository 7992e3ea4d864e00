import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import t from "tap";
import { stringify } from "yaml";
import { startCms } from "../support/cms/server.ts";
import type { Program } from "../support/program.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import {
  Client,
  clientOfEach,
  countOf,
  keyed,
  pause,
  pidOf,
  POSTS,
  startTwo,
  untilReady,
} from "../support/workers.ts";

// What reaches a gateway of two workers from outside its port: signals, faults, the death of the primary.
t.setTimeout(240_000);
const SLOW_START = join(import.meta.dirname, "../support/slow-start.ts");
const PRELOAD = join(import.meta.dirname, "../support/crash.ts");
const cms = await startCms({ record: false });
t.teardown(() => cms.close());

/** Writes the file, sends SIGHUP to all processes of the group and gives the lines that the log has for it. */
async function reload(program: Program, settings: Record<string, unknown>) {
  const from = program.lines().length;
  await writeFile(join(program.cwd, "settings.yaml"), stringify(settings));
  program.signal("SIGHUP");
  const told = () =>
    program
      .lines()
      .slice(from)
      .filter(({ msg }) => /reloaded/.test(String(msg)));
  while (told().length === 0) await pause(20);
  // Were there one for each, the second would come now.
  await pause(300);
  return told();
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

t.test("SIGHUP under load reaches both and fails no request; a bad one changes neither", async (t) => {
  const settings = { upstream: { url: cms.url } };
  // To the whole group, as a terminal that closes would: a worker that took it for itself would end.
  const program = await startTwo(t, "", { settings, group: true });
  const both = await clientOfEach(t, program);
  const state = { isOver: false };
  const statuses: number[] = [];
  // The one that is killed at the end breaks its clients' connections, which ends their traffic.
  const client = async (): Promise<void> => {
    const own = new Client(program);
    t.teardown(() => own.close());
    while (!state.isOver) statuses.push((await own.ask(`${POSTS}?limit=1`)).status);
  };
  const traffic = Promise.allSettled(Array.from({ length: 6 }, client));
  const work = async (): Promise<void> => {
    for (let i = 1; i <= 3; i += 1) {
      const lines = await reload(program, { ...settings, limits: { page: 10 + i }, trace: { keep: i } });
      t.match(lines, [{ msg: "configuration reloaded" }]);
      t.equal(lines.length, 1, "once, and not once for each");
    }
    const limited = { ...settings, limits: { page: 2 } };
    const fixed = await reload(program, { ...limited, server: { maxHeaders: 50 } });
    t.match(fixed, [{ needRestart: ["server.maxHeaders"] }]);
    for (const client of both) t.match((await client.ask(POSTS)).body, /"limit":2,/);
    const bad = await reload(program, { ...settings, limits: { page: "many" } });
    t.match(bad, [{ msg: /not reloaded/, problems: [/limits\.page/] }]);
    for (const client of both) t.match((await client.ask(POSTS)).body, /"limit":2,/, "the old one stays");
    process.kill(pidOf(program, 1), "SIGKILL");
    await untilReady(program, (body) => JSON.stringify(body).includes('"workers":"ok"'));
  };
  const before = statuses.length;
  await work().finally(() => (state.isOver = true));
  await traffic;
  t.ok(statuses.length > before);
  t.ok(statuses.every((status) => status === 200));
  t.equal(await countOf(program, "gateway_reloads_total", /applied/), 4);
  t.equal(await countOf(program, "gateway_reloads_total", /refused/), 1);
  for (const client of await clientOfEach(t, program))
    t.match(
      (await client.ask(POSTS)).body,
      /"limit":2,/,
      "also whoever came later, with the file as bad as it is",
    );
});

t.test("one that hangs keeps no configuration from the others, and has it when it goes on", async (t) => {
  const settings = { upstream: { url: cms.url }, server: { hangTimeout: "10m" } };
  const program = await startTwo(t, "", { settings });
  const [one, two] = await clientOfEach(t, program);
  process.kill(pidOf(program, 2), "SIGSTOP");
  // By now it is known to hang.
  await untilReady(program, (body) => JSON.stringify(body).includes('"workers":"degraded"'));
  for (const page of [3, 2]) {
    await inTime(reload(program, { ...settings, limits: { page } }), () => "a reload", 20_000);
    t.match((await one.ask(POSTS)).body, `"limit":${page},`);
  }
  process.kill(pidOf(program, 2), "SIGCONT");
  await untilReady(program, (body) => JSON.stringify(body).includes('"workers":"ok"'));
  while (!(await two.ask(POSTS)).body.includes('"limit":2,')) await pause(20);
});

t.test("a second signal ends all of them at once", async (t) => {
  const program = await startTwo(t, cms.url, { group: true });
  const pids = [pidOf(program, 1), pidOf(program, 2)];
  const held = await holdWrite(program);
  program.signal("SIGINT");
  await untilReady(program, (_, status) => status === 503);
  await pause(200);
  t.ok(pids.some(isAlive), "the first, to all of the group, drains");
  program.signal("SIGINT");
  t.equal(await inTime(program.ended, () => "the end"), 1);
  await held.end();
  t.notOk(pids.some(isAlive));
});

t.test("one that meets a fault ends what it has under way, while another serves in its place", async (t) => {
  const program = await startTwo(t, cms.url, { preload: PRELOAD, env: { CRASH_TEXT: "the staged fault" } });
  const held = await holdWrite(program);
  const before = [1, 2].map((worker) => pidOf(program, worker));
  // Whichever of them has it.
  for (const [i, pid] of before.entries()) {
    process.kill(pid, "SIGUSR2");
    while (pidOf(program, i + 1) === pid) await pause(20);
  }
  const client = new Client(program);
  t.teardown(() => client.close());
  t.equal((await client.ask(POSTS)).status, 200, "others serve before it has ended");
  t.equal(before.filter(isAlive).length, 1, "and it waits for its last request");
  held.send("}");
  t.match(await held.until(/\r\n\r\n\{[^]*\}$/), /HTTP\/1\.1 201 /);
  while (before.some(isAlive)) await pause(20);
  t.equal(await countOf(program, "gateway_worker_restarts_total"), 2);
  t.match(
    program.lines().filter(({ msg }) => msg === "uncaught exception"),
    [{ worker: 1, cause: { message: "the staged fault" } }, { worker: 2 }],
  );
  program.signal("SIGTERM");
  t.equal(await inTime(program.ended, () => "the end"), 0, "what is replaced does not count at the end");
});

t.test("one that is still loading does not hang, however long that takes", async (t) => {
  const settings = { server: { hangTimeout: "900ms" } };
  const program = await startTwo(t, cms.url, { settings, preload: SLOW_START });
  const killed = pidOf(program, 2);
  process.kill(killed, "SIGKILL");
  const hung = () => program.lines().filter(({ msg }) => /hangs/.test(String(msg)));
  while (pidOf(program, 2) === killed && hung().length === 0) await pause(20);
  t.strictSame(hung(), []);
  t.equal(await countOf(program, "gateway_worker_restarts_total"), 1);
});

t.test("a primary that is killed takes its workers along", async (t) => {
  const program = await startTwo(t, cms.url);
  const pids = [pidOf(program, 1), pidOf(program, 2)];
  program.signal("SIGKILL");
  await inTime(program.ended, () => "the end of all who write to its log");
  while (pids.some(isAlive)) await pause(20);
  t.pass("neither is left");
});

t.test("connections beyond the limit of all are closed at once, and cost nothing further", async (t) => {
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
