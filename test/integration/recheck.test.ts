import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { answerOf, type OnWire, says, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";

// What it costs that one partner's user may not do in the CMS what it asks for, again and again.

const CROWD = 20;
const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
const gateway = await startTestGateway(line.url, { limits: { inFlightPerKey: 2 * CROWD } });
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

t.test("many refusals at once ask whose the key is one at a time, and readers do not wait", async (t) => {
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
  while (asked("POST /api/posts") < CROWD || held.length === 0) await pause(10);
  await pause(100);
  t.equal(await read(), 200, "by what is remembered");
  const state = { isOver: false, most: 0 };
  void crowd.finally(() => (state.isOver = true));
  while (!state.isOver) {
    state.most = Math.max(state.most, held.length);
    for (const { forward, gateway: socket } of held.splice(0)) forward((chunk) => void socket.write(chunk));
    await pause(10);
  }
  t.strictSame(new Set(await crowd), new Set([403]));
  t.equal(state.most, 1);
  // The first's, and one for all who came meanwhile; on a busy machine one may come later still.
  t.ok(asked("GET /api/users/me") <= 4, `${asked("GET /api/users/me")} questions`);
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
