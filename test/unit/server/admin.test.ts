import t from "tap";
import { systemClock } from "../../../src/app/clock.ts";
import { ADMIN_LIMITS, startAdmin, type AdminOptions } from "../../../src/server/admin.ts";
import { PATIENCE_MS } from "../../support/until.ts";

/** A part that fails during a status query must not end the process. */

const fails = (): never => {
  throw new Error("staged");
};
const rejects = async (): Promise<never> => fails();
const TOKEN = "the-token-of-the-admin-port";

t.test("answers 500 and logs the cause if a part fails", async (t) => {
  const faults: unknown[] = [];
  const options: AdminOptions = {
    clock: systemClock,
    health: rejects,
    purge: rejects,
    metrics: rejects,
    snapshot: rejects,
    token: TOKEN,
    onFault: (cause) => faults.push(cause),
  };
  const limits = { ...ADMIN_LIMITS, headersTimeout: PATIENCE_MS, requestTimeout: PATIENCE_MS };
  const admin = await startAdmin(options, { host: "127.0.0.1", port: 0 }, limits);
  t.teardown(() => admin.close());
  const headers = { authorization: `Bearer ${TOKEN}`, connection: "close" };
  const asked = [
    { path: "/readyz", method: "GET" },
    { path: "/metrics", method: "GET" },
    { path: "/events", method: "GET" },
    { path: "/purge", method: "POST", body: '{"all":true}' },
  ];
  for (const { path, ...how } of asked) {
    const answer = await fetch(`http://127.0.0.1:${admin.port}${path}`, { ...how, headers });
    t.equal(answer.status, 500, path);
    t.match(await answer.json(), { error: "Server Error" });
  }
  t.match(
    faults,
    asked.map(() => ({ message: "staged" })),
  );
  t.equal((await fetch(`http://127.0.0.1:${admin.port}/livez`)).status, 200, "still alive");
});
