import { once } from "node:events";
import { Agent, request as httpRequest } from "node:http";
import { join } from "node:path";
import t, { type Test } from "tap";
import { WebSocket } from "ws";
import { startCms } from "../support/cms/server.ts";
import { DRAIN_GATE, HELD_DRAIN, heldTimers, RELEASE } from "../support/drain-gate.ts";
import { hangs, startFaultyLine } from "../support/faults.ts";
import { startProgram, type Program, type ProgramOptions } from "../support/program.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import { until } from "../support/until.ts";
import { patient } from "../support/clients.ts";

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

const AUTH = `users API-Key ${cms.keys.partnerA}`;
const POSTS = "/partners/2026-02/tenant-a/posts";
/** The end of an answer whose body is JSON. */
const ANSWERED = /\r\n\r\n\{[^]*\}$/;
const PRELOAD = join(import.meta.dirname, "../support/crash.ts");

/** No time-out ends a held write or a drain but one that a test sets. */
async function start(t: Test, options: ProgramOptions = {}): Promise<Program> {
  const settings = patient({ partners: { collections: ["posts"] }, ...options.settings });
  const program = await startProgram(line.url, { preload: PRELOAD, ...options, settings });
  t.teardown(async () => {
    program.signal("SIGKILL");
    await program.ended;
  });
  return program;
}

/** A write whose body lacks its last byte. */
async function holdWrite(program: Program) {
  const client = await rawConnect(program.port);
  const body = '{"title":"held"';
  client.send(
    rawRequest([
      `POST ${POSTS} HTTP/1.1`,
      "Host: h",
      `Authorization: ${AUTH}`,
      "Expect: 100-continue",
      `Content-Length: ${body.length + 1}`,
    ]),
  );
  await client.until(/100 Continue/);
  client.send(body);
  return client;
}

interface Got {
  readonly status: number;
  readonly closes: boolean;
  readonly id: string;
}

function get(program: Program, agent: Agent): Promise<Got> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: program.port, path: `${POSTS}?limit=1`, agent };
    const sent = httpRequest({ ...options, headers: { authorization: AUTH } }, (answer) => {
      const { statusCode: status = 0, headers } = answer;
      answer.on("error", reject);
      answer
        .resume()
        .once("end", () =>
          resolve({ status, closes: headers.connection === "close", id: String(headers["x-request-id"]) }),
        );
    });
    sent.once("error", reject).end();
  });
}

t.test("SIGTERM under traffic: no request fails, and every answer is in the log", async (t) => {
  const server = { drainDelay: HELD_DRAIN, drainTimeout: "10m", keepAliveTimeout: "10m" };
  const program = await start(t, { settings: { server }, preload: DRAIN_GATE });
  const answers: Got[] = [];
  const state = { isReady: true };
  // One client by keep-alive alone, one that opens a connection for each request. As behind a load balancer, they stop
  // before listening ends.
  const clients = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: false })];
  const traffic = clients.map(async (agent) => {
    while (state.isReady) answers.push(await get(program, agent));
    agent.destroy();
  });
  const held = await holdWrite(program);
  const socket = new WebSocket(`${program.url.replace("http", "ws")}/_next/webpack-hmr`);
  await once(socket, "open");
  const isClosed = once(socket, "close");
  await until("20 answers", () => answers.length >= 20);

  program.signal("SIGTERM");
  t.match(await untilReadyz(program, 503), { status: "draining" });
  t.equal((await fetch(`${program.adminUrl}/livez`)).status, 200, "alive it is");
  const before = answers.length;
  const during = await get(program, new Agent());
  t.match(
    during,
    { status: 200, closes: true },
    "it goes on accepting, and closes each connection after its answer",
  );
  await until("four more answers", () => answers.length >= before + 4);
  state.isReady = false;
  await Promise.all(traffic);
  program.signal(RELEASE);
  await until("the end of listening", () =>
    get(program, new Agent()).then(
      () => false,
      (error: unknown) => String(error).includes("ECONNREFUSED"),
    ),
  );
  held.send("}");
  t.match(await held.until(ANSWERED), /HTTP\/1\.1 201 [^]*\r\nconnection: close\r\n/i);
  await isClosed;
  t.equal(await program.ended, 0);
  t.ok(answers.every(({ status }) => status === 200));
  const logged = new Set(program.lines().map((entry) => entry["requestId"]));
  t.strictSame(
    answers.filter(({ id }) => !logged.has(id)),
    [],
    "the last lines were written too",
  );
});

t.test("what outlasts drainTimeout is cut, an idle connection and a silent handshake included", async (t) => {
  // No other timer of the program is as long.
  const preload = heldTimers(11 * 60_000);
  const program = await start(t, { settings: { server: { drainTimeout: "11m" } }, preload });
  const held = await holdWrite(program);
  const idle = await rawConnect(program.port);
  idle.send(rawRequest([`GET ${POSTS} HTTP/1.1`, "Host: h", `Authorization: ${AUTH}`]));
  await idle.until(/\r\n\r\n\{/);
  line.stage(hangs, /^GET \/_next/);
  t.teardown(() => line.heal());
  const carried = line.asked.length;
  const handshake = await rawConnect(program.port);
  handshake.send(
    rawRequest([
      "GET /_next/x HTTP/1.1",
      "Host: h",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version: 13",
    ]),
  );
  await line.carried(carried + 1);
  program.signal("SIGTERM");
  // Where listening ends the time begins.
  await until("the end of listening", () =>
    get(program, new Agent()).then(
      () => false,
      (error: unknown) => String(error).includes("ECONNREFUSED"),
    ),
  );
  program.signal(RELEASE);
  await Promise.all([held.end(), idle.end(), handshake.end()]);
  t.equal(await inTime(program.ended, () => "the end"), 0);
});

t.test("a second signal ends it at once", async (t) => {
  const program = await start(t);
  const held = await holdWrite(program);
  program.signal("SIGTERM");
  await untilReadyz(program, 503);
  program.signal("SIGINT");
  t.equal(await inTime(program.ended, () => "the end"), 1);
  await held.end();
});

for (const [signal, kind] of [
  ["SIGUSR2", "uncaught exception"],
  ["SIGHUP", "unhandled rejection"],
] as const) {
  t.test(`an ${kind} is logged, lets requests under way finish, and ends it with 1`, async (t) => {
    const program = await start(t, { env: { CRASH_TEXT: "the staged fault" } });
    const held = await holdWrite(program);
    program.signal(signal);
    await untilReadyz(program, 503);
    held.send("}");
    t.match(await held.until(ANSWERED), /HTTP\/1\.1 201 /);
    t.equal(await inTime(program.ended, () => "the end"), 1);
    t.match(
      program.lines().find(({ msg }) => msg === kind),
      { level: 60, cause: { message: "the staged fault", stack: /crash\.ts/ } },
    );
  });
}

t.test("it is not ready before the CMS has answered once, and alive nevertheless", async (t) => {
  await line.refuse();
  const program = await start(t);
  t.teardown(() => line.heal());
  const ready = await fetch(`${program.adminUrl}/readyz`);
  t.equal(ready.status, 503);
  t.match(await ready.json(), { status: "starting" });
  t.equal((await fetch(`${program.adminUrl}/livez`)).status, 200);
  t.equal((await get(program, new Agent())).status, 503, "a key that cannot be checked");
  await line.heal();
  await untilReadyz(program, 200);
  program.signal("SIGTERM");
  t.equal(await inTime(program.ended, () => "the end"), 0);
});

/** What `/readyz` says once it answers with that status. */
function untilReadyz(program: Program, status: number): Promise<unknown> {
  return until(`/readyz to say ${status}`, async () => {
    const answer = await fetch(`${program.adminUrl}/readyz`);
    const body: unknown = await answer.json();
    return answer.status === status && body;
  });
}
