import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * The range of free ports: even with a Cluster node's second port, 10,000 above the first, it ends below
 * 32,768, where Linux's ports for outgoing connections begin. So a server that restarts finds its port free.
 */
const PORTS = { from: 10_240, to: 22_768, toBus: 10_000 };

/** Each of tap's jobs has its own ports, so no other job takes the port of a server that it restarts. */
const JOBS = 4;
const JOB = Number(process.env["TAP_JOB_ID"] ?? 0) % JOBS;
const SHARE = Math.floor((PORTS.to - PORTS.from) / JOBS);

/** Resolves with a port of loopback that was just free, as was its Cluster bus port. */
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
