import { createServer, request, type IncomingMessage } from "node:http";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";

/**
 * A partner of A writes to its record while an administrator moves the record to B. The write does not carry
 * the tenant, so the result equals one of two orders: the write and then the move, or the move and no write.
 * The record is never moved back, and the partner never receives a record of B. A gate on the line between
 * gateway and CMS moves the record at a chosen moment.
 */

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

const headersOf = (key: string) => ({
  authorization: `users API-Key ${key}`,
  "content-type": "application/json",
});

/** The callbacks of a gate: `before` the CMS receives a request, and `after` the CMS has answered it. */
interface Gate {
  before: (request: IncomingMessage) => Promise<unknown>;
  after: (request: IncomingMessage) => Promise<unknown>;
}

const OPEN: Gate = { before: () => Promise.resolve(), after: () => Promise.resolve() };

/** Starts a line to the CMS with a gate on it. */
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

/** When the record moves, in the order of a write's steps, and the status that the partner gets. */
interface Moment {
  readonly name: string;
  readonly at: keyof Gate;
  readonly of: (request: IncomingMessage) => boolean;
  readonly status: 200 | 404 | 500;
}
const MOMENTS: readonly Moment[] = [
  { name: "before the gateway's check", at: "before", of: isCheck, status: 404 },
  { name: "after the check", at: "after", of: isCheck, status: 500 },
  { name: "before the CMS gets the write", at: "before", of: isWrite, status: 500 },
  { name: "after the CMS has written", at: "after", of: isWrite, status: 200 },
];

const write = ({ gateway }: Race, id: number, title: string): Promise<Response> =>
  fetch(`${gateway.url}/partners/2026-02/tenant-a/events/${id}?depth=0`, {
    method: "PATCH",
    headers: headersOf(cms.keys.partnerA),
    body: JSON.stringify({ title }),
  });

/** Moves a record over HTTP, as an administrator does, so that the CMS's access control applies. */
const move = (id: number): Promise<Response> =>
  fetch(`${cms.url}/api/events/${id}?depth=0`, {
    method: "PATCH",
    headers: headersOf(cms.keys.admin),
    body: JSON.stringify({ tenant: 2 }),
  });

const ofA = (id: number) =>
  cms.payload.update({ collection: "events", id, data: { tenant: 1, title: "before" }, depth: 0 });

/** Writes once while the record moves at this moment. Resolves with the status and the record afterwards. */
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
  const { name, status } = moment;
  t.test(`a record that is moved ${name} stays moved`, async (t) => {
    const race = await raceFor(t);
    for (const id of RECORDS) {
      const title = status === 404 ? "before" : name;
      t.strictSame(await moved(race, id, moment), { moves: [200], tenant: 2, status, title }, `event ${id}`);
    }
  });
}

// Payload reads the record, runs its hooks and writes the whole record, so either of two such writes can win.
t.test("if a write and a move reach the CMS together, no answer shows the record of B", async (t) => {
  const race = await raceFor(t);
  for (const id of RECORDS) {
    await ofA(id);
    let moving: Promise<Response> | undefined;
    race.gate.before = async (req) => {
      if (isWrite(req)) moving ??= move(id);
    };
    const written = await write(race, id, "together");
    const text = await written.text();
    const answer = await moving;
    await answer?.arrayBuffer();
    t.equal(answer?.status, 200);
    if (written.status === 200) t.match(JSON.parse(text), { tenant: 1, title: "together" });
    else t.equal(written.status, 500, "the CMS carried the write out on a record of B");
  }
});

t.test("a partner's ifUpdatedAt is a precondition of the write: stale is 409, invalid 422", async (t) => {
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
