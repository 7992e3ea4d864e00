// Attack: a write to a record between the ownership check and the write, while an editor moves the record to
// another tenant.
// Amplifier: Payload writes by id without another check, and a stamped tenant then moves the record back.
// Defence: an update carries no tenant, so it cannot undo the move. A response with another tenant's record
// becomes a 500 without the record.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

import tap, { type Test } from "tap";

import { startCms } from "../support/cms/server.ts";
import { startTestGateway } from "../support/gateway.ts";
import { FIXTURE_SETTINGS } from "../support/isolation.ts";

const cms = await startCms();
tap.teardown(() => cms.close());
tap.beforeEach(() => cms.reset());

/** Relays the CMS's own response, decompressed. */
async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "GET", url = "/", headers } = incoming;
  const kept = Object.entries(headers).filter(([name]) => /^(?:authorization|content-type|x-)/.test(name));
  const answer = await fetch(cms.url + url, {
    method,
    headers: kept.map(([name, value]): [string, string] => [name, String(value)]),
    body: method === "GET" ? null : await buffer(incoming),
  });
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
  response.end(Buffer.from(await answer.arrayBuffer()));
}

/** The URL of a proxy to the CMS that runs `before` just before it forwards the first write. */
async function interrupted(t: Test, before: () => Promise<unknown>): Promise<string> {
  let isFirst = true;
  const server = createServer((incoming, response) => {
    const isDue = isFirst && incoming.method !== "GET";
    if (isDue) isFirst = false;
    void (isDue ? before() : Promise.resolve()).then(() => pass(incoming, response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return `http://127.0.0.1:${address.port}`;
}

/**
 * Sends A's write to event 9, which moves to C just before. Returns the response and the record afterwards.
 */
async function race(t: Test, method: "PATCH" | "PUT" | "DELETE") {
  const move = (): Promise<unknown> =>
    cms.payload.update({ collection: "events", id: 9, data: { tenant: 3 } });
  const gateway = await startTestGateway(await interrupted(t, move), FIXTURE_SETTINGS);
  t.teardown(() => gateway.stop());
  const headers = { authorization: `users API-Key ${cms.keys.partnerA}`, "content-type": "application/json" };
  const answer = await fetch(`${gateway.url}/partners/2026-02/tenant-a/events/9?depth=0`, {
    method,
    headers,
    ...(method === "DELETE" ? {} : { body: JSON.stringify({ title: "written late" }) }),
  });
  const { docs } = await cms.payload.find({ collection: "events", where: { id: { equals: 9 } }, depth: 0 });
  const lines = gateway.lines().filter(({ code }) => code === "upstream.failed");
  return { status: answer.status, text: await answer.text(), record: docs[0], failures: lines.length };
}

const UNSEEN = { error: "Server Error", message: "Unexpected error while processing the request" };

await tap.test("an update after the move does not take the record back", async (t) => {
  for (const method of ["PATCH", "PUT"] as const) {
    await cms.reset();
    const { text, ...outcome } = await race(t, method);
    const record = { tenant: 3, title: "written late" };
    t.match(outcome, { status: 500, failures: 1, record }, method);
    t.match(JSON.parse(text), UNSEEN, "its response shows nothing of the record");
  }
});

await tap.test("a deletion after the move shows nothing of the record", async (t) => {
  const { text, ...outcome } = await race(t, "DELETE");
  t.match(outcome, { status: 500, failures: 1, record: undefined });
  t.match(JSON.parse(text), UNSEEN);
});
