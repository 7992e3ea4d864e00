import t, { type Test } from "tap";
import { systemClock, wallTime } from "../../../src/app/clock.ts";
import type { Clock } from "../../../src/core/clock.ts";
import type { Health, Snapshot, CurrentState } from "../../../src/core/status.ts";
import { snapshotOf } from "../../../src/observe/snapshot.ts";
import { createStatus } from "../../../src/observe/status.ts";
import { ADMIN_LIMITS, startAdmin } from "../../../src/server/admin.ts";
import { handClock } from "../../support/clock.ts";
import { rawConnect, rawExchange, rawRequest, type RawClient } from "../../support/raw.ts";
import { PATIENCE_MS, until } from "../../support/until.ts";

/** The admin port against difficult clients: pages that do not read, silent connections, and parts that fail. */

const TOKEN = "the-token-of-the-admin-port";
const level = { now: 0, most: 10 };
const standing: CurrentState = {
  health: { ready: true, draining: false, parts: {} },
  load: { inFlight: level, connections: level, waiting: level, breakerOpen: false },
  targets: [],
  endings: {},
};

/** The options of an admin port that a test overrides. */
interface Site {
  readonly tell?: (snapshot: Snapshot) => Snapshot;
  readonly health?: () => Promise<Health>;
  readonly clock?: Clock;
  readonly faults?: unknown[];
  readonly limits?: typeof ADMIN_LIMITS;
}

async function portOf(t: Test, site: Site = {}) {
  const { tell = (snapshot) => snapshot, health = async () => standing.health } = site;
  const build = { version: "1.0.0", node: "v24.0.0" };
  const status = createStatus({ clock: systemClock, wallTime, build });
  const admin = await startAdmin(
    {
      clock: site.clock ?? systemClock,
      health,
      purge: () => Promise.resolve({ peers: 0, acknowledged: 0, complete: true }),
      metrics: () => Promise.resolve({ contentType: "text/plain", body: "" }),
      snapshot: async () => tell(snapshotOf(status.heard(), standing)),
      token: TOKEN,
      onFault: (cause) => site.faults?.push(cause),
    },
    { host: "127.0.0.1", port: 0 },
    // On a busy machine a page of 16 MB keeps the process from reading for seconds.
    site.limits ?? { ...ADMIN_LIMITS, headersTimeout: PATIENCE_MS, requestTimeout: PATIENCE_MS },
  );
  t.teardown(() => admin.close());
  return admin.port;
}

const ASKED = rawRequest(["GET /events HTTP/1.1", "Host: localhost", `Authorization: Bearer ${TOKEN}`]);
/** The time from one event to the next. */
const EVERY_MS = 2_000;

async function openPage(port: number): Promise<RawClient> {
  const page = await rawConnect(port);
  page.send(ASKED);
  return page;
}

t.test("logs a failed event and keeps the open pages connected", async (t) => {
  const faults: unknown[] = [];
  const clock = handClock();
  let told = 0;
  const tell = (snapshot: Snapshot): Snapshot => {
    told += 1;
    if (told === 2) throw new Error("staged");
    return snapshot;
  };
  const page = await openPage(await portOf(t, { tell, faults, clock }));
  await page.until(/data: .*\n\n/);
  clock.move(EVERY_MS);
  await until("the fault", () => faults.length > 0);
  clock.move(EVERY_MS);
  await page.until(/(?:data: .*\n\n[^]*){2}/);
  t.match(faults, [{ message: "staged" }]);
  t.equal(told, 3);
  page.socket.destroy();
  await until("the end of the events", () => clock.pending === 0);
});

t.test("disconnects a page that does not read and continues with the others", async (t) => {
  // More than the system's buffers between two sockets hold.
  const long = "x".repeat(16 * 1_048_576);
  const clock = handClock();
  const tell = (snapshot: Snapshot): Snapshot => ({ ...snapshot, build: { version: long, node: "" } });
  const port = await portOf(t, { tell, clock });
  const stuck = await openPage(port);
  stuck.socket.pause();
  const well = await rawConnect(port);
  let read = 0;
  well.socket.on("data", (chunk: string) => (read += chunk.length));
  well.send(ASKED);
  await until("the first event", () => read > long.length);
  clock.move(EVERY_MS);
  await until("the second event", () => read > 2 * long.length);
  stuck.socket.resume();
  t.equal((await stuck.end()).text.split("data: ").length, 2, "one event and the end");
  t.equal(well.socket.destroyed, false);
  well.socket.destroy();
});

t.test("closes a connection over the limit at once", async (t) => {
  const { promise: told, resolve: tell } = Promise.withResolvers<Health>();
  let asked = 0;
  const health = (): Promise<Health> => {
    asked += 1;
    return told;
  };
  const port = await portOf(t, { health });
  const ready = rawRequest(["GET /readyz HTTP/1.1", "Host: x", "Connection: close"]);
  // A pending answer holds a connection, however long it takes.
  const answers = Array.from({ length: 256 }, () => rawExchange(port, ready));
  await until("all of them", () => asked === 256);
  const oneMore = await rawConnect(port);
  t.equal((await oneMore.end()).text, "", "the connection over the limit is closed");
  tell(standing.health);
  t.equal((await Promise.all(answers)).filter((text) => text.startsWith("HTTP/1.1 200 ")).length, 256);
  t.match(await rawExchange(port, ready), / 200 /);
});

t.test("closes a silent connection soon", async (t) => {
  t.ok(ADMIN_LIMITS.headersTimeout <= 5_000 && ADMIN_LIMITS.connectionsCheckingInterval <= 1_000);
  const port = await portOf(t, {
    limits: { ...ADMIN_LIMITS, headersTimeout: 1, connectionsCheckingInterval: 1 },
  });
  const silent = await rawConnect(port);
  t.match((await silent.end()).text, /^HTTP\/1\.1 408 /);
});

t.test("refuses headers and purge requests that are too large with a message", async (t) => {
  const port = await portOf(t);
  const huge = rawRequest(["GET /livez HTTP/1.1", "Host: x", `X: ${"x".repeat(20_000)}`]);
  t.match(await rawExchange(port, huge), /^HTTP\/1\.1 431 /);
  const head = [
    "POST /purge HTTP/1.1",
    "Host: x",
    `Authorization: Bearer ${TOKEN}`,
    "Content-Length: 1000000",
  ];
  t.match(
    await rawExchange(port, rawRequest(head, "x".repeat(5_000))),
    /^HTTP\/1\.1 400 [^]*Expected one of/,
  );
});
