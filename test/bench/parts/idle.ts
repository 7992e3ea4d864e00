import { readFileSync } from "node:fs";
import { metricsOf, sumOf } from "../metrics.ts";
import type { Part } from "../part.ts";
import { usage } from "../processes.ts";
import { Connection, getOf } from "../programs/connection.ts";
import { startGateway, startNode, type Running, type RunningGateway } from "../start.ts";
import { PARTNERS } from "../subjects.ts";
import { AUTHORIZATION, AUTHORIZATION_FORMAT, type Upstream } from "../upstream.ts";
import { askingAs, measure } from "../wrk.ts";

const CONNECTIONS = 10_000;
const KEYS = 100_000;
/** Files that a process needs besides its end of each connection. */
const OTHER_FILES = 500;
const SETTINGS = {
  server: { maxConnections: CONNECTIONS + 1_000, keepAliveTimeout: "10m", idleTimeout: "10m" },
  cache: { keys: KEYS, bytes: "256MiB", keyTtl: "1h", jitter: 0, lookupsPerSecond: 1_000_000 },
};

/** Measures the memory of idle clients and cached keys. */
export const idle: Part = {
  name: "idle",
  async *run({ upstream }) {
    const gateway = await startGateway(upstream, { settings: SETTINGS });
    const open: Connection[] = [];
    try {
      const { pid } = gateway;
      const rows = [{ state: "ready", "RSS MB": usage(pid).rss }];
      const keys = await learn(gateway);
      rows.push({ state: `${keys} keys cached`, "RSS MB": usage(pid).rss });
      const limit = Math.min(openFiles("self"), openFiles(pid));
      const wanted = Math.min(CONNECTIONS, limit - OTHER_FILES);
      await connect(gateway, open, wanted);
      rows.push({ state: `and ${wanted} idle connections`, "RSS MB": usage(pid).rss });
      await new Promise((resolve) => void setTimeout(resolve, 10_000));
      if (open.some(({ isOpen }) => !isOpen)) throw new Error("the gateway closed idle connections");
      rows.push({ state: "the same 10 s later", "RSS MB": usage(pid).rss });
      for (const one of open.splice(0)) one.close();
      // Each holds a descriptor until the event loop has handled its close.
      await new Promise((resolve) => void setTimeout(resolve, 1_000));
      rows.push(...(await bareNode(upstream, wanted)));
      const few = `This machine lets a process open ${limit} files, so there were ${wanted} connections in place of ${CONNECTIONS}.`;
      yield {
        title: "idle connections and cached keys",
        notes: [
          `Every key was asked once over 64 connections, and every idle connection once; limits and lives are set accordingly.`,
          ...(wanted < CONNECTIONS ? [few] : []),
        ],
        rows,
      };
    } finally {
      for (const one of open) one.close();
      await gateway.stop();
    }
  },
};

/** Measures the same connections at a bare Node server. */
async function bareNode(upstream: Upstream, count: number): Promise<{ state: string; "RSS MB": number }[]> {
  const bare = await startNode("node-static.ts", upstream);
  const open: Connection[] = [];
  try {
    const before = usage(bare.pid).rss;
    await connect(bare, open, count);
    return [
      { state: "for comparison, bare node:http: ready", "RSS MB": before },
      { state: `bare node:http: ${open.length} idle connections`, "RSS MB": usage(bare.pid).rss },
    ];
  } finally {
    for (const one of open) one.close();
    await bare.stop();
  }
}

/** Sends requests with new keys until all are cached. Returns how many the gateway has cached. */
async function learn({ url, adminUrl, pid }: RunningGateway): Promise<number> {
  const path = PARTNERS.document(1);
  const until = performance.now() + 180_000;
  for (let learnt = 0; ;) {
    const script = askingAs({ path, authorization: AUTHORIZATION_FORMAT, number: `${learnt} + turn` });
    await measure({ origin: url, script, connections: 64, seconds: 5, pid });
    const page = await metricsOf(adminUrl);
    learnt = sumOf(page, "gateway_fact_lookups_total", { fact: "key", via: "cms" });
    if (learnt >= KEYS) return KEYS;
    if (performance.now() > until) return learnt;
  }
}

/** Opens connections, some at a time, and sends one request over each. */
async function connect({ url }: Running, open: Connection[], count: number): Promise<void> {
  const request = getOf(PARTNERS.document(1), AUTHORIZATION);
  const port = Number(new URL(url).port);
  while (open.length < count) {
    const some = Array.from({ length: Math.min(50, count - open.length) }, () => new Connection(port));
    open.push(...some);
    for (const status of await Promise.all(some.map((one) => one.ask(request))))
      if (status !== 200) throw new Error(`a connection's first request was answered ${status}`);
  }
}

/** How many files a process may open. Node itself raises the soft limit to the hard one. */
function openFiles(pid: number | "self"): number {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  const [, limit = "0"] = /^Max open files\s+(\S+)/m.exec(limits) ?? [];
  return limit === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(limit);
}
