import type { Config } from "../../config/schema.ts";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../observe/log.ts";
import { Gone } from "./calls.ts";
import type { Hand } from "./hand.ts";

/** The longest that a worker may take to go over to another configuration, in milliseconds. */
const RELOAD_MS = 30_000;

export interface HandOverOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Pick<Log, "error">;
}

/**
 * Has a worker go over to a configuration. One that does not take it is told to end, so that another takes its place.
 * Resolves when it has or was; never rejects. One that hangs must not keep the others from the next configuration: one
 * that is silent already is told and not waited for, and of nobody the word that it will end.
 */
export async function handOver(
  hand: Pick<Hand, "number" | "calls" | "isSilent" | "inTime">,
  { config, clock, log }: HandOverOptions,
): Promise<void> {
  const { number: worker, calls, isSilent } = hand;
  const taken = hand.inTime(calls.ask("reload", config), RELOAD_MS, clock).catch((error: unknown) => {
    if (error instanceof Gone) return;
    log.error({ worker, cause: String(error) }, "worker does not take the configuration: it is replaced");
    calls.ask("stop").catch(() => undefined);
  });
  if (!isSilent) await taken;
}
