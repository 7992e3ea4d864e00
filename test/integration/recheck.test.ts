import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, type OnWire, says, startFaultyLine } from "../support/faults.ts";
import { samplesOf } from "../support/scrape.ts";
import { startStillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

// What it costs that one partner's user may not do in the CMS what it asks for, again and again.

const CROWD = 20;
const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const gateway = await startStillGateway(line.url, {
  limits: { inFlightPerKey: 2 * CROWD },
  upstream: { tenantShare: 1 },
});
t.teardown(async () => {
  await gateway.stop();
  await line.close();
  await cms.close();
});

const POSTS = `${gateway.url}/partners/2026-02/tenant-a/posts`;
const headers = { authorization: `users API-Key ${cms.keys.partnerA}`, "content-type": "application/json" };
const statusOf = async (sent: Promise<Response>): Promise<number> => {
  const answer = await sent;
  await answer.arrayBuffer();
  return answer.status;
};
const create = () => statusOf(fetch(POSTS, { method: "POST", headers, body: '{"title":"x"}' }));
const read = () => statusOf(fetch(`${POSTS}?limit=1`, { headers }));

t.test("many refusals look the key up once in a while, and readers do not wait", async (t) => {
  t.equal(await read(), 200);
  const held: OnWire[] = [];
  const forbidden = says(answerOf("403 Forbidden", '{"errors":[{"message":"You may not."}]}'));
  line.stage(
    (request) => (request.head.startsWith("GET") ? held.push(request) : forbidden(request)),
    /^(POST \/api\/posts|GET \/api\/users\/me)/,
  );
  const from = line.asked.length;
  const asked = (what: string) => line.asked.slice(from).filter((one) => one.startsWith(what)).length;
  const crowd = Promise.all(Array.from({ length: CROWD }, create));
  await until("a lookup of the key", () => held.length > 0);
  // A refused request has left its connection, so that the lookup's is the only one in use once all are refused.
  const load = async () => samplesOf(gateway, "gateway_load");
  await until("the lookup to be all that the CMS is asked", async () => {
    return asked("POST /api/posts") === CROWD && (await load())["of=upstream_connections"] === 1;
  });
  t.equal((await load())["of=requests"], CROWD, "all wait for a lookup");
  t.equal(await read(), 200, "by what is remembered");
  t.equal(held.length, 1, "one lookup for all of them");
  line.stage(forbidden, /^POST \/api\/posts/);
  forward(held);
  t.strictSame(new Set(await crowd), new Set([403]));
  for (let n = 0; n < 10; n += 1) t.equal(await create(), 403);
  t.equal(asked("GET /api/users/me"), 1, "nor does one after another ask again");
  gateway.clock.move(4_999);
  t.equal(await create(), 403);
  t.equal(asked("GET /api/users/me"), 1);
  gateway.clock.move(1);
  for (let n = 0; n < 10; n += 1) t.equal(await create(), 403);
  t.equal(asked("GET /api/users/me"), 2);
});

function forward(requests: readonly OnWire[]): void {
  for (const { forward: pass, gateway: socket } of requests) pass((chunk) => void socket.write(chunk));
}
