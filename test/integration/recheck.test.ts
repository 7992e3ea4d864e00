import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, type OnWire, says, startFaultyLine } from "../support/faults.ts";
import { samplesOf } from "../support/scrape.ts";
import { startStillGateway } from "../support/still-gateway.ts";
import { until } from "../support/until.ts";

// The cost of a partner that repeatedly requests what its user may not do in the CMS.

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

t.test("many refusals cause one key lookup in 5 s, and reads do not wait for it", async (t) => {
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
  // A refused request has released its connection. Once all are refused, only the lookup's is in use.
  const load = async () => samplesOf(gateway, "gateway_load");
  await until("the lookup to be the only upstream request", async () => {
    return asked("POST /api/posts") === CROWD && (await load())["of=upstream_connections"] === 1;
  });
  t.equal((await load())["of=requests"], CROWD, "all requests wait for a lookup");
  t.equal(await read(), 200, "by the cached lookup of the key");
  t.equal(held.length, 1, "one lookup for all of them");
  line.stage(forbidden, /^POST \/api\/posts/);
  forward(held);
  t.strictSame(new Set(await crowd), new Set([403]));
  for (let n = 0; n < 10; n += 1) t.equal(await create(), 403);
  t.equal(asked("GET /api/users/me"), 1, "later refusals cause no other lookup");
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
