import { readFileSync, writeFileSync } from "node:fs";
import t, { type Test } from "tap";
import { Client, keyed, patient, POSTS, underLoad, untilReady, type Outcome } from "../support/clients.ts";
import { startCms } from "../support/cms/server.ts";
import { HELD_DRAIN, heldTimers, RELEASE } from "../support/drain-gate.ts";
import { freePort } from "../support/free-port.ts";
import { startProgram, type Program } from "../support/program.ts";
import { inTime, rawConnect, rawRequest } from "../support/raw.ts";
import { until } from "../support/until.ts";

// Three gateways as processes on one port (server.reusePort), before a real CMS.
t.setTimeout(0);
const cms = await startCms({ record: false });
t.teardown(() => cms.close());

/** With 1 the kernel hands the connections that are queued for a listener that closes to another one of the port. */
const MIGRATION = "/proc/sys/net/ipv4/tcp_migrate_req";

/** Sets it until the end of the tests, as root. False on a machine where that is not possible. */
function migrateConnections(): boolean {
  try {
    const before = readFileSync(MIGRATION, "utf8");
    writeFileSync(MIGRATION, "1");
    t.teardown(() => writeFileSync(MIGRATION, before));
    return readFileSync(MIGRATION, "utf8").trim() === "1";
  } catch {
    return false;
  }
}

const MIGRATES = migrateConnections();
if (!MIGRATES)
  t.comment(`${MIGRATION} cannot be set: a new connection may be reset before its first byte of an answer`);

/**
 * The errors that no client may have. Without `tcp_migrate_req` the kernel resets what it has queued for a replica that
 * ends: a new connection may be reset then, before a byte of its first answer.
 */
const failuresOf = ({ errors }: Outcome): Outcome["errors"] =>
  errors.filter(({ code, isFresh }) => MIGRATES || !isFresh || code !== "ECONNRESET");

/**
 * Holds `server.drainDelay` until the test ends it. Also holds the timer by which a drain closes connections that are
 * silent for 100 ms: on a busy machine a client may need longer to send its request.
 */
const GATE = heldTimers(3_600_000, 100);

const settings = patient({
  server: { drainDelay: HELD_DRAIN, reusePort: true },
  partners: { collections: ["posts"] },
});

/** Starts a replica on `port`, with an admin port of its own; it ends with the test. */
async function startReplica(t: Test, port: number): Promise<Program> {
  const replica = await startProgram(cms.url, { settings, preload: GATE, env: { PORT: String(port) } });
  t.teardown(async () => {
    replica.signal("SIGKILL");
    await replica.ended;
  });
  await untilReady(replica, (_, status) => status === 200);
  return replica;
}

async function startThree(t: Test): Promise<Program[]> {
  const port = await freePort();
  return Promise.all([1, 2, 3].map(() => startReplica(t, port)));
}

/** The replica that has answered a request, by its log. */
function replicaOf(replicas: readonly Program[], id: string): Promise<Program> {
  return until(`the log's line of ${id}`, () =>
    replicas.find((one) => one.lines().some(({ requestId }) => requestId === id)),
  );
}

/** Clients with a connection each, at least two of them at each replica, and the replica of each. */
async function clientsOfAll(replicas: readonly Program[]): Promise<{ clients: Client[]; at: Program[] }> {
  const [first] = replicas;
  if (first === undefined) throw new Error("no replica");
  const [clients, at]: [Client[], Program[]] = [[], []];
  const isEnough = (): boolean => replicas.every((one) => at.filter((own) => own === one).length >= 2);
  while (!isEnough()) {
    const client = new Client(first);
    const { id } = await client.ask(`${POSTS}?limit=1`);
    clients.push(client);
    at.push(await replicaOf(replicas, id));
  }
  return { clients, at };
}

t.test("replicas share the port, and each says once what does not hold without Redis", async (t) => {
  const replicas = await startThree(t);
  t.equal(new Set(replicas.map(({ port }) => port)).size, 1);
  t.equal(new Set(replicas.map(({ adminPort }) => adminPort)).size, 3);
  const { clients, at } = await clientsOfAll(replicas);
  t.equal(new Set(at).size, 3, "the kernel spreads connections over all of them");
  for (const client of clients) client.close();
  for (const replica of replicas) {
    const warned = replica.lines().filter(({ level }) => level === 40);
    const wanted = MIGRATES ? ["redis.url"] : ["redis.url", "net.ipv4.tcp_migrate_req"];
    t.strictSame(
      warned.map(({ setting }) => setting),
      wanted,
    );
    t.match(
      warned[0]?.["msg"],
      /each counts rate limits for itself.* withdrawn through one .* cache\.keyTtl/,
    );
  }
});

t.test("a gateway without reusePort is refused the port that replicas share", async (t) => {
  const port = await freePort();
  await startReplica(t, port);
  const alone = startProgram(cms.url, { env: { PORT: String(port) } });
  await t.rejects(alone, /server\.port \(PORT, HOST\): 127\.0\.0\.1:\d+ is taken by another process/);
});

t.test("a replica killed under load breaks only the connections to it", async (t) => {
  const replicas = await startThree(t);
  const { clients, at } = await clientsOfAll(replicas);
  const [killed] = replicas;
  const outcome = await underLoad(clients, async (_, served) => {
    await served();
    killed?.signal("SIGKILL");
    await killed?.ended;
    await served();
  });
  t.ok(outcome.answers.every(({ status }) => status === 200));
  const ofOthers = outcome.errors.filter(({ client }) => at[client] !== killed);
  t.strictSame(ofOthers, [], "no connection to another replica broke");
  const lost = outcome.errors.filter(({ isFresh }) => !isFresh).map(({ client }) => client);
  t.equal(new Set(lost).size, lost.length, "each of its clients lost one connection");
  t.strictSame(
    failuresOf(outcome).filter(({ isFresh }) => isFresh),
    [],
    "new connections are served by the others",
  );
  t.comment(`${outcome.answers.length} answers, ${outcome.errors.length} broken connections`);
});

/** Restarts one as a service manager does: a signal, its end, and another one on the same port. */
async function restart(t: Test, replica: Program, served: () => Promise<void>): Promise<Program> {
  replica.signal("SIGTERM");
  await untilReady(replica, (_, status) => status === 503);
  // By its second answer a client of this replica has been asked to connect anew.
  await served();
  replica.signal(RELEASE);
  t.equal(await inTime(replica.ended, () => "the end of a replica"), 0);
  return startReplica(t, replica.port);
}

t.test("all replicas are restarted in turn under load, and no request fails", async (t) => {
  const old = await startThree(t);
  const [first] = old;
  if (first === undefined) throw new Error("no replica");
  const found = await clientsOfAll(old);
  // Every second new client connects anew for each request.
  const others = Array.from({ length: 6 }, (_, i) => new Client(first, { keepAlive: i % 2 === 0 }));
  const clients = [...found.clients, ...others];
  const outcome = await underLoad(clients, async (_, served) => {
    await served();
    for (const replica of old) {
      await restart(t, replica, served);
      await served();
    }
  });
  t.strictSame(failuresOf(outcome), []);
  t.ok(outcome.answers.every(({ status }) => status === 200));
  const logged = new Set(old.flatMap((one) => one.lines().map(({ requestId }) => requestId)));
  t.ok(
    outcome.answers.some(({ id, closes }) => closes && logged.has(id)),
    "clients were asked to connect anew",
  );
  t.comment(`${outcome.answers.length} answers, ${outcome.errors.length} reset before the first`);
});

/** Stops a process by SIGSTOP; resolves when the system shows it as stopped. */
async function halt(program: Program): Promise<void> {
  const { pid } = program;
  program.signal("SIGSTOP");
  // The third field of proc(5)'s `stat`, after the name in parentheses.
  await until(`process ${pid} to stop`, () =>
    readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.startsWith("T"),
  );
}

/** The connections that wait to be accepted by those that listen on `port`: proc(5), `net/tcp`, state 0A, `rx_queue`. */
function queuedAt(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const listens = new RegExp(`:${hex} 00000000:0000 0A [0-9A-F]+:([0-9A-F]+) `, "g");
  const found = readFileSync("/proc/net/tcp", "latin1").matchAll(listens);
  return [...found].reduce((sum, [, queue = ""]) => sum + Number.parseInt(queue, 16), 0);
}

const QUEUED = MIGRATES ? "are served by another" : "may be reset, since tcp_migrate_req is not set";

t.test(`connections queued for a replica that is killed ${QUEUED}`, async (t) => {
  const port = await freePort();
  const [stuck] = [await startReplica(t, port), await startReplica(t, port)];
  await halt(stuck);
  const head = [
    `GET ${POSTS}?limit=1 HTTP/1.1`,
    "Host: h",
    `Authorization: ${keyed("partnerA")["authorization"]}`,
  ];
  const clients = await Promise.all(Array.from({ length: 24 }, () => rawConnect(port)));
  for (const client of clients) client.send(rawRequest(head));
  const isAnswered = (client: (typeof clients)[number]): boolean => client.text().includes("200 OK");
  const answered = (): number => clients.filter(isAnswered).length;
  await until(
    "every connection to be answered or queued",
    () => answered() + queuedAt(port) === clients.length,
  );
  const queued = queuedAt(port);
  t.not(queued, 0, "the kernel queues some for the one that accepts nothing");
  stuck.signal("SIGKILL");
  const isOver = (client: (typeof clients)[number]): boolean => isAnswered(client) || client.socket.destroyed;
  await until("an answer to every client or its end", () => clients.every(isOver));
  if (MIGRATES) t.equal(answered(), clients.length);
  else t.ok(answered() >= clients.length - queued, "the clients of the other replica have their answers");
  for (const client of clients) client.socket.destroy();
});
