import { once } from "node:events";
import t, { type Test } from "tap";
import { systemClock, wallTime } from "../../../src/clock.ts";
import type { Snapshot, Standing } from "../../../src/core/status.ts";
import { snapshotOf } from "../../../src/observe/snapshot.ts";
import { createStatus } from "../../../src/observe/status.ts";
import { startAdmin } from "../../../src/server/admin.ts";
import { rawConnect, rawExchange, rawRequest, type RawClient } from "../../support/raw.ts";

/** The admin port before whoever reaches it: pages that do not read, connections that say nothing, parts that fail. */

const TOKEN = "the-token-of-the-admin-port";
const level = { now: 0, most: 10 };
const standing: Standing = {
  health: { ready: true, draining: false, parts: {} },
  load: { inFlight: level, connections: level, waiting: level, breakerOpen: false },
  targets: [],
  workers: 1,
  endings: {},
};

async function portOf(t: Test, tell: (snapshot: Snapshot) => Snapshot, faults: unknown[] = []) {
  const build = { version: "1.0.0", node: "v24.0.0" };
  const status = createStatus({ clock: systemClock, wallTime, build });
  const admin = await startAdmin(
    {
      health: () => Promise.resolve(standing.health),
      purge: () => Promise.resolve({ peers: 0, acknowledged: 0, complete: true }),
      metrics: () => Promise.resolve({ contentType: "text/plain", body: "" }),
      snapshot: async () => tell(snapshotOf([status.heard()], standing)),
      explain: () => Promise.resolve(undefined),
      token: TOKEN,
      onFault: (cause) => faults.push(cause),
    },
    { host: "127.0.0.1", port: 0 },
  );
  t.teardown(() => admin.close());
  return admin.port;
}

const ASKED = rawRequest(["GET /events HTTP/1.1", "Host: localhost", `Authorization: Bearer ${TOKEN}`]);

async function openPage(port: number): Promise<RawClient> {
  const page = await rawConnect(port);
  page.send(ASKED);
  return page;
}

t.test("what cannot be told to open pages is told to the log, and ends nothing", async (t) => {
  const faults: unknown[] = [];
  let told = 0;
  const tell = (snapshot: Snapshot): Snapshot => {
    told += 1;
    if (told === 2) throw new Error("staged");
    return snapshot;
  };
  const page = await openPage(await portOf(t, tell, faults));
  await page.until(/(?:data: .*\n\n[^]*){2}/);
  t.match(faults, [{ message: "staged" }]);
  page.socket.destroy();
});

t.test("a page that does not read is cut off, and the others go on", async (t) => {
  // More than the system's own buffers between two sockets take.
  const long = "x".repeat(16 * 1_048_576);
  const port = await portOf(t, (snapshot) => ({ ...snapshot, build: { version: long, node: "" } }));
  const stuck = await openPage(port);
  stuck.socket.pause();
  const well = await rawConnect(port);
  const seen = { ends: 0 };
  well.socket.on("data", (chunk: string) => (seen.ends += chunk.split("\n\n").length - 1));
  well.send(ASKED);
  // The head's end and the hint are two; a second event comes with the first tick.
  while (seen.ends < 4) await once(well.socket, "data");
  stuck.socket.resume();
  t.equal((await stuck.end()).text.split("data: ").length, 2, "one event, and the end");
  t.equal(well.socket.destroyed, false);
  well.socket.destroy();
});

t.test("connections that say nothing are few, and are closed soon", async (t) => {
  const port = await portOf(t, (snapshot) => snapshot);
  const silent = await Promise.all(Array.from({ length: 256 }, () => rawConnect(port)));
  const oneMore = await rawConnect(port);
  t.equal((await oneMore.end()).text, "", "one more is closed");
  const ends = await Promise.all(silent.map((client) => client.end()));
  t.equal(ends.filter(({ text }) => text.startsWith("HTTP/1.1 408 ")).length, 256);
  t.match(
    await rawExchange(port, rawRequest(["GET /livez HTTP/1.1", "Host: x", "Connection: close"])),
    / 200 /,
  );
});

t.test("headers and wishes that are too large are refused in words", async (t) => {
  const port = await portOf(t, (snapshot) => snapshot);
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
