import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "../config/problem.ts";
import type { Config } from "../config/schema.ts";
import { causeOf } from "../observe/log.ts";
import type { ProcessServices } from "./process-services.ts";

/** Sections that are read once: sockets that listen, the memory and whom it is shared with. */
const FIXED = ["server", "cache", "redis"] as const;

/** A new configuration with what cannot change while running left as it is, and the settings that a restart would change. */
export function reloadable(
  current: Config,
  next: Config,
): { config: Config; needRestart: readonly string[] } {
  const needRestart = FIXED.flatMap((section) => {
    const [before, after] = [new Map(Object.entries(current[section])), Object.entries(next[section])];
    const names = new Set([...before.keys(), ...after.map(([name]) => name)]);
    const values = new Map(after);
    return [...names]
      .filter((name) => !isDeepStrictEqual(before.get(name), values.get(name)))
      .map((name) => `${section}.${name}`);
  });
  const { server, cache, redis } = current;
  const { format } = current.log;
  if (next.log.format !== format) needRestart.push("log.format");
  return { config: { ...next, server, cache, redis, log: { ...next.log, format } }, needRestart };
}

/** Does a reload, and tells log and metrics what became of it. Never rejects. */
export async function reportReload(
  {
    log,
    tell,
  }: { readonly log: ProcessServices["log"]; readonly tell: Pick<ProcessServices["tell"], "reloaded"> },
  reload: () => Promise<{ readonly level: string; readonly needRestart: readonly string[] }>,
): Promise<void> {
  try {
    const { level, needRestart } = await reload();
    tell.reloaded("applied");
    log.info(needRestart.length === 0 ? {} : { needRestart }, "configuration reloaded");
    log.level = level;
  } catch (error) {
    tell.reloaded("refused");
    const problems = error instanceof ConfigError ? error.problems : [causeOf(error)];
    log.error({ problems }, "configuration not reloaded: the old one stays");
  }
}
