import type { Config } from "../config/schema.ts";
import type { Clock } from "../core/clock.ts";
import { causeOf, type Log } from "../observe/log.ts";
import { Exit } from "./exit.ts";
import type { Io } from "./io.ts";
import { openLog } from "./outlets.ts";

/** The log of the process and the way to end it. */
export interface ProcessRuntime {
  readonly log: Log;
  readonly flush: () => void;
  readonly exit: Exit;
}

/** Opens the log, and makes an uncaught error end the process by a drain. */
export async function openRuntime(config: Config, io: Io): Promise<ProcessRuntime> {
  const { log, flush, end } = await openLog(config, io);
  const exit = new Exit(end, io);
  exit.limit = config.server.drainDelay + config.server.drainTimeout;
  process.on("exit", end);
  flushEachSecond(flush, io.clock);
  // The state after such an error is unknown: requests in flight may finish, then the process is replaced.
  // Node's own report would print the error unscrubbed, with any secrets that its message quotes.
  const onFault = (kind: string) => (thrown: unknown) => {
    log.fatal({ cause: causeOf(thrown) }, kind);
    flush();
    exit.leave(1);
  };
  process.on("uncaughtException", onFault("uncaught exception"));
  process.on("unhandledRejection", onFault("unhandled rejection"));
  return { log, flush, exit };
}

/**
 * Writes the buffered log lines every second. Otherwise the last lines of a quiet period would stay in
 * memory.
 */
function flushEachSecond(flush: () => void, clock: Clock): void {
  const again = (): void => {
    flush();
    clock.after(1_000, again);
  };
  clock.after(1_000, again);
}
