import type { Config } from "../../config/schema.ts";
import { partOf } from "../../config/part.ts";
import type { RunningGateway } from "../gateway.ts";
import { createMetrics } from "../../observe/metrics.ts";
import { createStatus } from "../../observe/status.ts";
import { openAdmin } from "../admin.ts";
import { readBuild } from "../build.ts";
import type { ProcessDeps } from "../process-services.ts";
import { reloadable, reportReload } from "../reload.ts";
import { gather } from "./gather.ts";
import type { Hand } from "./hand.ts";
import { Ledger } from "./ledger.ts";
import { Staff } from "./staff.ts";

/** A gateway of several workers. */
export interface RunningPrimary extends RunningGateway {
  /** Ends the workers at once, those that still can with their last lines written. */
  hurry(): Promise<void>;
}

/** Beyond what a purge takes by the settings: it waits for Redis twice, and for the replicas. */
const PURGE_GRACE_MS = 500;

/**
 * Starts so many workers and, in this process, the admin port of all. They share the port that clients come to; this
 * process hands connections out and never sees what is on them. Rejects where an address is taken or a worker cannot
 * serve; whoever was started is killed.
 */
export async function startPrimary(
  config: Config,
  surroundings: ProcessDeps & { readonly workers: number },
): Promise<RunningPrimary> {
  const { clock, wallTime, log, workers } = surroundings;
  const build = readBuild();
  const [metrics, status, ledger] = [
    createMetrics(build),
    createStatus({ clock, wallTime, build }),
    new Ledger<Hand>(),
  ];
  let current = config;
  const { ackTimeout, commandTimeout } = config.redis;
  const staff = new Staff({
    workers,
    clock,
    log,
    ackTimeout,
    hangTimeout: config.server.hangTimeout,
    config: () => partOf(current, workers),
    onRestart: () => metrics.workerRestarted(),
    onEnd: (hand) => ledger.close(hand),
  });
  const purgePatience = ackTimeout + 2 * commandTimeout + PURGE_GRACE_MS;
  const admin = await openAdmin(
    config,
    surroundings,
    gather({ staff, ledger, metrics, status, purgePatience }),
  );
  const port = await staff.open().catch(async (error: unknown) => {
    staff.kill();
    await admin.close();
    throw error;
  });
  let turn: Promise<void> = Promise.resolve();
  const reload = (read: () => Config): Promise<void> =>
    reportReload({ log, tell: metrics }, async () => {
      const { config: next, needRestart } = reloadable(current, read());
      current = next;
      await staff.reload();
      return { level: next.log.level, needRestart };
    });
  return {
    port,
    adminPort: admin.port,
    reload(read) {
      turn = turn.then(() => reload(read));
      return turn;
    },
    async stop() {
      try {
        await staff.stop();
      } finally {
        await admin.close();
      }
    },
    hurry: () => staff.hurry(),
  };
}
