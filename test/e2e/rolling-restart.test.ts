import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { DRAIN_GATE, HELD_DRAIN, RELEASE } from "../support/drain-gate.ts";
import { startProgram, type Program } from "../support/program.ts";
import { until } from "../support/until.ts";
import { patient } from "../support/clients.ts";

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

/** A TCP balancer: new connections go in turn to the replicas of which `/readyz` last said yes. */
class Balancer {
  readonly replicas = new Set<Program>();
  readonly #ready = new Set<Program>();
  /** Both ends of each connection, and the replica that it is to. */
  readonly #sockets = new Map<Socket, Program>();
  readonly #server = createServer((client) => this.#carry(client));
  #turn = 0;
  port = 0;

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  /** Asks all replicas for `/readyz`, until one is as wanted. */
  async seen(replica: Program, isReady: boolean): Promise<void> {
    await until(`/readyz to say ${isReady ? "yes" : "no"}`, async () => {
      await Promise.all([...this.replicas].map((one) => this.#look(one)));
      return this.#ready.has(replica) === isReady;
    });
  }

  /** Waits until no connection to that replica is left, one that is being made included. */
  async left(replica: Program): Promise<void> {
    await until(
      "the connections to the replica to end",
      () => !this.#sockets.values().some((to) => to === replica),
    );
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  async #look(replica: Program): Promise<void> {
    const isReady = await fetch(`${replica.adminUrl}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) this.#ready.add(replica);
    else this.#ready.delete(replica);
  }

  #carry(client: Socket): void {
    const ready = [...this.#ready];
    const replica = ready[(this.#turn += 1) % ready.length];
    if (replica === undefined) return void client.destroy();
    const server = connect(replica.port, "127.0.0.1");
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.set(one, replica);
      one.on("error", () => other.destroy());
      one.once("close", () => this.#sockets.delete(one));
      one.pipe(other);
    }
  }
}

const settings = patient({
  server: { drainDelay: HELD_DRAIN },
  partners: { collections: ["posts"] },
});

async function startReplica(): Promise<Program> {
  const replica = await startProgram(cms.url, { settings, preload: DRAIN_GATE });
  t.teardown(async () => {
    replica.signal("SIGKILL");
    await replica.ended;
  });
  return replica;
}

interface Tally {
  readonly failures: string[];
  answered: number;
  written: number;
  isOver: boolean;
}

/** Sends reads, and every fifth time a write, one after the other, until the tally is over. */
async function keepAsking(port: number, agent: Agent, tally: Tally): Promise<void> {
  for (let n = 1; !tally.isOver; n++) {
    const isWrite = n % 5 === 0;
    const status = await askOnce(port, agent, isWrite).catch(
      (error: NodeJS.ErrnoException) => error.code ?? "error",
    );
    if (status === (isWrite ? 201 : 200)) tally.answered += 1;
    else tally.failures.push(`${isWrite ? "write" : "read"}: ${status}`);
    if (isWrite && status === 201) tally.written += 1;
  }
  agent.destroy();
}

function askOnce(port: number, agent: Agent, isWrite: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const path = `/partners/2026-02/tenant-a/posts${isWrite ? "" : "?limit=1"}`;
    const headers = {
      authorization: `users API-Key ${cms.keys.partnerA}`,
      "content-type": "application/json",
    };
    const sent = request(
      { host: "127.0.0.1", port, path, agent, headers, method: isWrite ? "POST" : "GET" },
      (answer) => {
        answer.on("error", reject).resume();
        answer.once("end", () => resolve(answer.statusCode ?? 0));
      },
    );
    sent.once("error", reject).end(isWrite ? '{"title":"rolling"}' : undefined);
  });
}

t.test("two replicas are restarted one after the other under load, and no request fails", async (t) => {
  const balancer = new Balancer();
  await balancer.listen();
  t.teardown(() => balancer.close());
  const old = [await startReplica(), await startReplica()];
  for (const replica of old) balancer.replicas.add(replica);
  await Promise.all(old.map((replica) => balancer.seen(replica, true)));
  const before = (await cms.payload.count({ collection: "posts" })).totalDocs;

  const tally: Tally = { failures: [], answered: 0, written: 0, isOver: false };
  const agents = [true, true, true, false].map((keepAlive) => new Agent({ keepAlive, maxSockets: 1 }));
  const traffic = agents.map((agent) => keepAsking(balancer.port, agent, tally));
  const carried = async (more: number) => {
    const goal = tally.answered + more;
    await until(`${goal} answers`, () => tally.answered >= goal || tally.failures.length > 0);
  };
  const restart = async (replica: Program) => {
    const next = await startReplica();
    balancer.replicas.add(next);
    await balancer.seen(next, true);
    replica.signal("SIGTERM");
    await balancer.seen(replica, false);
    // A drainDelay is to be longer than that: each answer meanwhile closes its connection, and the next is to another replica.
    await balancer.left(replica);
    replica.signal(RELEASE);
    t.equal(await replica.ended, 0);
    balancer.replicas.delete(replica);
    await carried(20);
  };
  try {
    await carried(20);
    for (const replica of old) await restart(replica);
  } finally {
    tally.isOver = true;
  }
  await Promise.all(traffic);
  t.strictSame(tally.failures, []);
  t.comment(`${tally.answered} requests, ${tally.written} of them writes`);
  const after = (await cms.payload.count({ collection: "posts" })).totalDocs;
  t.equal(after - before, tally.written, "every write was done, and done once");
});
