import { readFileSync } from "node:fs";
import { startCms, type Cms } from "../support/cms/server.ts";
import { startProgram, type Program } from "../support/program.ts";
import { rawConnect, rawRequest, type RawClient } from "../support/raw.ts";
import { until } from "../support/until.ts";

const CONNECTIONS = 200;
/** A list of a hundred of them is 4 MB; Payload accepts no longer text. */
const TEXT = "x".repeat(40_000);
const PER_LIST = 100;
/** Lists that are read before the measurement: the heap grows with the first large responses, read or not. */
const WARM_UP = 40;

/** The result of many requests for large lists by one key, all unread. */
export interface Unread {
  /** The number of responses by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** The greatest growth of the gateway's resident memory, in bytes. */
  readonly growth: number;
}

/**
 * Requests lists of 4 MB on many connections, reads none of them, and measures the gateway's process
 * meanwhile.
 */
export async function measureUnread(): Promise<Unread> {
  const cms = await startCms({ record: false });
  const statuses = new Map<number, number>();
  const program = await startProgram(cms.url, {
    settings: { partners: { collections: ["posts"] } },
    onLine({ msg, status }) {
      if (msg === "request") statuses.set(Number(status), (statuses.get(Number(status)) ?? 0) + 1);
    },
  });
  const clients: RawClient[] = [];
  try {
    for (let i = 0; i < PER_LIST; i += 1)
      await cms.payload.create({ collection: "posts", data: { tenant: 1, title: `large ${i}`, text: TEXT } });
    for (let i = 0; i < WARM_UP; i += 1) await ask(program, cms, 0).then((client) => client.end());
    const before = residentOf(program);
    let most = before;
    for (let i = 1; i <= CONNECTIONS; i += 1) clients.push(await ask(program, cms, i));
    await until("an outcome of each request", () => {
      most = Math.max(most, residentOf(program));
      return [...statuses.values()].reduce((sum, count) => sum + count, 0) >= CONNECTIONS + WARM_UP;
    });
    return { statuses, growth: Math.max(most, residentOf(program)) - before };
  } finally {
    for (const { socket } of clients) socket.destroy();
    await program.stop();
    await cms.close();
  }
}

/** Each requests another page, so that no response is shared. The first is read. */
async function ask(to: Program, { keys }: Cms, i: number): Promise<RawClient> {
  const client = await rawConnect(to.port);
  if (i > 0) client.socket.pause();
  const path = `/partners/2026-02/tenant-a/posts?limit=${PER_LIST}&sort=-id&depth=0&where[id][not_equals]=${i}`;
  const auth = `Authorization: users API-Key ${keys.partnerA}`;
  client.send(rawRequest([`GET ${path} HTTP/1.1`, "Host: h", auth, "Connection: close"]));
  return client;
}

function residentOf({ pid }: Program): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
}
