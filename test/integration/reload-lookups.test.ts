import { createServer, request as ask } from "node:http";
import { once } from "node:events";
import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { configFor, startTestGateway } from "../support/gateway.ts";
import { samplesOf } from "../support/scrape.ts";
import { unhurried } from "../support/unhurried.ts";
import { until } from "../support/until.ts";

// All requests that wait for a lookup share it. The request that began it may be aborted before a reload. The
// lookup must still be completed, with each of its requests to the CMS, for those that joined it later.

/** Starts a line to the CMS that holds requests for tenants until `letGo`. */
async function lineTo(cms: number) {
  const held: { readonly path: string; readonly go: () => void }[] = [];
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
    const { url: path = "" } = incoming;
    if (state.isHolding && path.startsWith("/api/tenants?")) held.push({ path, go });
    else go();
  }).listen(0, "127.0.0.1");
  await once(line, "listening");
  const address = line.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    held,
    letGo() {
      state.isHolding = false;
      for (const { go } of held) go();
    },
    close() {
      line.close();
      line.closeAllConnections();
    },
  };
}

t.test("a lookup of several upstream requests outlasts the configuration under which it began", async (t) => {
  const cms = await startCms({ record: false });
  const line = await lineTo(cms.port);
  const { url, held } = line;
  const gateway = await startTestGateway(url, unhurried());
  t.teardown(async () => {
    await gateway.stop();
    line.close();
    await cms.close();
  });
  const read = (tenant: string, key: "partnerA" | "partnerB", signal?: AbortSignal) =>
    fetch(`${gateway.url}/partners/2026-02/${tenant}/posts?limit=1`, {
      headers: { authorization: `users API-Key ${cms.keys[key]}` },
      ...(signal !== undefined && { signal }),
    });

  const leaving = new AbortController();
  const left = read("tenant-a", "partnerA", leaving.signal).catch(() => "left");
  await until("the lookup of the tenant", () => held.length > 0);
  leaving.abort();
  t.equal(await left, "left");
  await until("the end of the request", () => gateway.lines().some(({ code }) => code === "request.stalled"));
  await gateway.reload(() => configFor(url, unhurried()));
  const joining = read("tenant-a", "partnerA");
  const inFlight = async () => (await samplesOf(gateway, "gateway_load"))["of=requests"];
  await until("the request that joins the lookup", async () => (await inFlight()) === 1);
  // A lookup of the joining request's own would be held before the lookup of the later request.
  const later = read("tenant-b", "partnerB");
  await until("the lookup of another tenant", () => held.some(({ path }) => path.includes("tenant-b")));
  t.equal(held.length, 2, "one lookup for each tenant");
  line.letGo();
  t.equal((await joining).status, 200);
  t.equal((await later).status, 200);
});
