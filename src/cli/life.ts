import type { Config } from "../config/schema.ts";
import type { Clock } from "../core/clock.ts";
import { causeOf, type Log } from "../observe/log.ts";
import { Exit } from "./exit.ts";
import type { Io } from "./io.ts";
import { openLog } from "./outlets.ts";

/** The log of the process and the way to end it. */
export interface Life {
  readonly log: Log;
  readonly flush: () => void;
  readonly exit: Exit;
}

/** Opens the log, and sees to it that an error that nobody caught ends the process in good order. */
export async function openLife(config: Config, io: Io): Promise<Life> {
  const { log, flush, end } = await openLog(config, io);
  const exit = new Exit(end, io);
  exit.limit = config.server.drainDelay + config.server.drainTimeout;
  process.on("exit", end);
  flushEachSecond(flush, io.clock);
  // Nobody knows what state such an error leaves behind: requests under way may finish, then a fresh process is
  // better. Node's own report of it would print the error as it is, with whatever its message quotes.
  const onFault = (kind: string) => (thrown: unknown) => {
    log.fatal({ cause: causeOf(thrown) }, kind);
    flush();
    exit.leave(1);
  };
  process.on("uncaughtException", onFault("uncaught exception"));
  process.on("unhandledRejection", onFault("unhandled rejection"));
  return { log, flush, exit };
}

/** Without this the last lines of a quiet hour stay in memory. */
function flushEachSecond(flush: () => void, clock: Clock): void {
  const again = (): void => {
    flush();
    clock.after(1_000, again);
  };
  clock.after(1_000, again);
}
