import { createServer, request as ask } from "node:http";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { configFor, startTestGateway } from "../support/gateway.ts";

// A lookup belongs to all who wait for it. One that a request of before a reload began, and left, must be carried to its
// end for those who joined it after: every question of it, and not only the one under way.

/** A line to the CMS on which what is asked about tenants waits until it is let go. */
async function lineTo(cms: number) {
  const held: (() => void)[] = [];
  const state = { isHolding: true };
  const line = createServer((incoming, response) => {
    const go = (): void => {
      const { method = "", url: path = "", headers } = incoming;
      const outgoing = ask({ port: cms, host: "127.0.0.1", method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      });
      outgoing.on("error", () => response.destroy());
      incoming.pipe(outgoing);
    };
    if (state.isHolding && incoming.url?.startsWith("/api/tenants?") === true) held.push(go);
    else go();
  }).listen(0, "127.0.0.1");
  await once(line, "listening");
  const address = line.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    held,
    letGo() {
      state.isHolding = false;
      for (const go of held) go();
    },
    close() {
      line.close();
      line.closeAllConnections();
    },
  };
}

t.test("a lookup of several questions outlasts the configuration that began it", async (t) => {
  const cms = await startCms({ record: false });
  const line = await lineTo(cms.port);
  const { url, held } = line;
  const gateway = await startTestGateway(url, {});
  t.teardown(async () => {
    await gateway.stop();
    line.close();
    await cms.close();
  });
  const headers = { authorization: `users API-Key ${cms.keys.partnerA}` };
  const read = (signal: AbortSignal) =>
    fetch(`${gateway.url}/partners/2026-02/tenant-a/posts?limit=1`, { headers, signal });

  const leaving = new AbortController();
  const left = read(leaving.signal).catch(() => "left");
  while (held.length === 0) await pause(10);
  leaving.abort();
  t.equal(await left, "left");
  while (!gateway.lines().some(({ code }) => code === "request.stalled")) await pause(10);
  await gateway.reload(() => configFor(url, {}));
  const joining = read(AbortSignal.timeout(20_000));
  // Long enough for it to have joined; where it had not, a second question would be held.
  await pause(500);
  t.equal(held.length, 1);
  line.letGo();
  t.equal((await joining).status, 200);
});
