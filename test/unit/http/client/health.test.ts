import t from "tap";
import type { Outgoing } from "../../../../src/core/context.ts";
import { watchTargets } from "../../../../src/http/client/health.ts";
import { createUpstream } from "../../../../src/http/client/pool.ts";
import { PATIENT } from "../../../support/patience.ts";
import { badOrigin, isSilent } from "../../../support/bad-origin.ts";
import { handClock } from "../../../support/clock.ts";
import { until } from "../../../support/until.ts";

const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

t.test("retries waiting reads on a healthy target, and leaves them if no target is healthy", async (t) => {
  const clock = handClock();
  const origins = await Promise.all([badOrigin(isSilent), badOrigin(isSilent)]);
  const pool = createUpstream({
    targets: origins.map(({ url }) => url.origin),
    ...PATIENT,
    clock,
  });
  t.teardown(async () => {
    await pool.close();
    await Promise.all(origins.map((origin) => origin.close()));
  });
  const taken: string[] = [];
  const health = watchTargets(pool, {
    healthInterval: 1_000,
    healthTimeout: 1_000,
    clock,
    probe: () => Promise.reject(new Error("staged: slow, as all of the CMS is")),
    onNews: ({ origin }, { what }) => what === "out" && taken.push(origin),
  });
  const note = { stage: "test", upstreamRequests: 0, upstreamMs: 0 };
  const { signal } = new AbortController();
  const get: Outgoing = { method: "GET", target: "/api/x", headers: [] };
  const reads = Promise.allSettled([1, 2].map(() => pool.send(get, { requestId: "id", signal, note })));
  const asked = () => origins.map(({ received }) => received.join("").split("GET ").length - 1);
  // Each target gets one, since a request goes to the target with the fewest in flight.
  await until("both requests", () => !asked().includes(0));
  await health.look();
  t.strictSame(taken, [], "a single failed check can be chance");
  await health.look();
  t.strictSame(
    taken,
    pool.targets.map(({ origin }) => origin),
  );
  // The first target's read was retried on the second and waits there, since no target is healthy.
  await until("the read that goes elsewhere", () => asked()[1] === 2);
  for (const socket of origins.flatMap(({ sockets }) => [...sockets])) socket.write(OK);
  t.match(await reads, [{ value: { status: 200 } }, { value: { status: 200 } }]);
  t.strictSame(asked(), [1, 2]);
});
