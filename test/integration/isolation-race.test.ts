import { createServer, request, type IncomingMessage } from "node:http";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";

/**
 * A partner of A writes to its record while an administrator moves it to B. Payload writes the whole record, the gateway
 * stamps A on it: a write that lands after the move takes the record back, and shows as a record of A's although the move
 * was answered 200. A gate on the line between gateway and CMS moves the record at a moment that the test chooses.
 */

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

const headersOf = (key: string) => ({
  authorization: `users API-Key ${key}`,
  "content-type": "application/json",
});

/** What is done when a request reaches the gate: before the CMS gets it, and before the gateway gets its answer. */
interface Gate {
  before: (request: IncomingMessage) => Promise<unknown>;
  after: (request: IncomingMessage) => Promise<unknown>;
}

const OPEN: Gate = { before: () => Promise.resolve(), after: () => Promise.resolve() };

/** A line to the CMS with a gate on it. */
async function gatedLine(t: Test): Promise<{ readonly url: string; readonly gate: Gate }> {
  const gate = { ...OPEN };
  const line = createServer((req, res) => {
    const { method, headers, url } = req;
    const send = (): void => {
      const out = request(`${cms.url}${url}`, { method, headers }, (answer) => {
        const pass = (): void => {
          res.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
          answer.pipe(res);
        };
        void gate.after(req).then(pass);
      });
      req.pipe(out);
    };
    void gate.before(req).then(send);
  });
  await new Promise<void>((resolve) => void line.listen(0, "127.0.0.1", resolve));
  t.teardown(async () => {
    line.closeAllConnections();
    await new Promise((resolve) => void line.close(resolve));
  });
  const address = line.address();
  if (address === null || typeof address === "string") throw new Error("the line has no port");
  return { url: `http://127.0.0.1:${address.port}`, gate };
}

interface Race {
  readonly gateway: TestGateway;
  readonly gate: Gate;
}

async function raceFor(t: Test, settings: Record<string, unknown> = {}): Promise<Race> {
  const { url, gate } = await gatedLine(t);
  const gateway = await startTestGateway(url, settings);
  t.teardown(() => gateway.stop());
  return { gateway, gate };
}

const isOfEvents = ({ url = "" }: IncomingMessage): boolean => url.startsWith("/api/events");
const isCheck = (req: IncomingMessage): boolean => req.method === "GET" && isOfEvents(req);
const isWrite = (req: IncomingMessage): boolean => req.method === "PATCH" && isOfEvents(req);

/** When the record moves, in the order of a write's course. */
interface Moment {
  readonly name: string;
  readonly at: keyof Gate;
  readonly of: (request: IncomingMessage) => boolean;
  /** True where the write comes first. */
  readonly isWritten: boolean;
}
const AFTER_CHECK: Moment = { name: "after the check", at: "after", of: isCheck, isWritten: false };
const BEFORE_WRITE: Moment = {
  name: "before the CMS gets the write",
  at: "before",
  of: isWrite,
  isWritten: false,
};
const MOMENTS: readonly Moment[] = [
  { name: "before the gateway's check", at: "before", of: isCheck, isWritten: false },
  AFTER_CHECK,
  BEFORE_WRITE,
  { name: "after the CMS has written", at: "after", of: isWrite, isWritten: true },
];

const write = ({ gateway }: Race, id: number, title: string): Promise<Response> =>
  fetch(`${gateway.url}/partners/2026-02/tenant-a/events/${id}?depth=0`, {
    method: "PATCH",
    headers: headersOf(cms.keys.partnerA),
    body: JSON.stringify({ title }),
  });

/** Over HTTP, as an administrator does it: through the CMS's own access control. */
const move = (id: number): Promise<Response> =>
  fetch(`${cms.url}/api/events/${id}?depth=0`, {
    method: "PATCH",
    headers: headersOf(cms.keys.admin),
    body: JSON.stringify({ tenant: 2 }),
  });

const ofA = (id: number) =>
  cms.payload.update({ collection: "events", id, data: { tenant: 1, title: "before" }, depth: 0 });

/** One write during which the record moves at that moment: what the partner hears, and the record afterwards. */
async function moved(race: Race, id: number, { name, at, of }: Moment) {
  const moves: number[] = [];
  await ofA(id);
  race.gate[at] = async (req) => {
    if (!of(req) || moves.length > 0) return;
    const answer = await move(id);
    await answer.arrayBuffer();
    moves.push(answer.status);
  };
  const written = await write(race, id, name);
  await written.arrayBuffer();
  Object.assign(race.gate, OPEN);
  const { tenant, title } = await cms.payload.findByID({ collection: "events", id, depth: 0 });
  return { moves, status: written.status, tenant, title };
}

/** All of A's events. */
const RECORDS = Array.from({ length: 24 }, (_, i) => i + 1);

for (const moment of MOMENTS) {
  const { name, isWritten } = moment;
  t.test(`a record that is moved ${name} stays moved`, async (t) => {
    const race = await raceFor(t);
    for (const id of RECORDS) {
      const outcome = isWritten ? { status: 200, title: name } : { status: 404, title: "before" };
      t.strictSame(await moved(race, id, moment), { moves: [200], tenant: 2, ...outcome }, `event ${id}`);
    }
  });
}

t.test(
  "a record that is moved before the CMS gets a write by id is taken back, so the test can see it",
  async (t) => {
    const race = await raceFor(t, { cms: { writesById: ["events"] } });
    for (const moment of [AFTER_CHECK, BEFORE_WRITE]) {
      const outcome = { moves: [200], status: 200, tenant: 1, title: moment.name };
      t.strictSame(await moved(race, 1, moment), outcome, moment.name);
    }
  },
);

// Whether a move comes between the CMS's own check and its own write, which no gateway can close, is the CMS's luck.
t.test("a write and a move that reach the CMS together: what is answered 404 was not written", async (t) => {
  const race = await raceFor(t);
  for (const id of RECORDS) {
    await ofA(id);
    let moving: Promise<Response> | undefined;
    race.gate.before = async (req) => {
      if (isWrite(req)) moving ??= move(id);
    };
    const written = await write(race, id, "together");
    await written.arrayBuffer();
    const answer = await moving;
    await answer?.arrayBuffer();
    const { title } = await cms.payload.findByID({ collection: "events", id, depth: 0 });
    t.equal(answer?.status, 200);
    if (written.status === 404) t.equal(title, "before");
    else t.equal(written.status, 200);
  }
});

t.test("a partner's ifUpdatedAt is a condition of the write: stale is 409, nonsense 422", async (t) => {
  const gateway = await startTestGateway(cms.url);
  t.teardown(() => gateway.stop());
  const patch = (body: unknown) =>
    fetch(`${gateway.url}/partners/2026-02/tenant-a/venues/1?depth=0`, {
      method: "PATCH",
      headers: headersOf(cms.keys.partnerA),
      body: JSON.stringify(body),
    });
  const { updatedAt } = await cms.payload.findByID({ collection: "venues", id: 1, depth: 0 });
  t.equal((await patch({ city: "Oslo", ifUpdatedAt: updatedAt })).status, 200);
  const stale = await patch({ city: "Bergen", ifUpdatedAt: updatedAt });
  t.equal(stale.status, 409);
  t.match(await stale.json(), { error: "Conflict" });
  t.match(await cms.payload.findByID({ collection: "venues", id: 1, depth: 0 }), { city: "Oslo" });
  const nonsense = await patch({ city: "Bergen", ifUpdatedAt: 5 });
  t.equal(nonsense.status, 422);
  t.match(await nonsense.json(), { errors: [{ path: "ifUpdatedAt" }] });
});
