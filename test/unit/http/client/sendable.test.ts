import t from "tap";
import type { Outgoing } from "../../../../src/core/context.ts";
import { createUpstream } from "../../../../src/http/client/pool.ts";
import { answers, badOrigin } from "../../../support/bad-origin.ts";
import { handClock } from "../../../support/clock.ts";

/** A request that cannot be sent never reaches the CMS and is no failure of the CMS. */

const CASES: Readonly<Record<string, Partial<Outgoing>>> = {
  "a host in front": { target: "//evil.example/api/posts" },
  "a whole URL": { target: "http://evil.example/api/posts" },
  "dot segments": { target: "/api/posts/../users" },
  "escaped dot segments": { target: "/api/%2e%2e/admin" },
  "a backslash": { target: "/api\\users" },
  "a fragment": { target: "/api/posts#x" },
  "a line break": { target: "/api/posts\r\nx: y" },
  "a blank": { target: "/api/posts x" },
  "no slash": { target: "api/posts" },
  "a header of two lines": { headers: ["x-a", "b\r\nx-c: d"] },
  "a header beyond Latin-1": { headers: ["x-a", "日本"] },
  "another form with dot segments": {
    sentAs: { method: "POST", target: "/api/posts/../users", headers: [] },
  },
};

for (const [name, odd] of Object.entries(CASES)) {
  t.test(`a request with ${name} fails with gateway.fault and without a breaker failure`, async (t) => {
    let asked = 0;
    const origin = await badOrigin((socket, head, nth) => {
      asked += 1;
      answers("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")(socket, head, nth);
    });
    const pool = createUpstream({
      targets: [origin.url.origin],
      connections: 1,
      queue: 0,
      tenantShare: 1,
      connectTimeout: 60_000,
      firstByteTimeout: 60_000,
      idleTimeout: 60_000,
      deadline: 60_000,
      keepAlive: 4_000,
      maxHeaderSize: 65_536,
      maxAnswer: 1_000,
      breakerFailures: 1,
      breakerRetry: 60_000,
      clock: handClock(),
    });
    t.teardown(async () => {
      await pool.close();
      await origin.close();
    });
    const good: Outgoing = { method: "GET", target: "/api/posts", headers: [] };
    const asking = () => ({
      requestId: "id",
      signal: new AbortController().signal,
      note: { stage: "test", upstreamRequests: 0, upstreamMs: 0 },
    });
    for (let i = 0; i < 3; i++)
      await t.rejects(pool.send({ ...good, ...odd }, asking()), { code: "gateway.fault" });
    t.equal(asked, 0, "no byte of it arrived");
    t.notOk(pool.state === "down", "the breaker has not counted it");
    t.equal((await pool.send(good, asking())).status, 200, "it holds no permit");
  });
}
