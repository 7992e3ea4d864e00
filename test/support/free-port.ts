import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Where free ports are looked for: with a Cluster node's second port, 10,000 above the first, they end below 32,768,
 * where Linux begins to give ports to outgoing connections. A server that is to come back on its port finds it free.
 */
const PORTS = { from: 10_240, to: 22_768, toBus: 10_000 };

/** Each of tap's jobs has ports of its own: what one of them ends and starts again, no other takes meanwhile. */
const JOBS = 4;
const JOB = Number(process.env["TAP_JOB_ID"] ?? 0) % JOBS;
const SHARE = Math.floor((PORTS.to - PORTS.from) / JOBS);

/** A port of loopback that was free a moment ago, as was that of its Cluster bus. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.from + JOB * SHARE + randomInt(SHARE);
    if ((await isFree(port)) && (await isFree(port + PORTS.toBus))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
