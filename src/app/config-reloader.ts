import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "../config/problem.ts";
import type { Config } from "../config/schema.ts";
import { causeOf } from "../observe/log.ts";
import { createConfigSnapshot, type ConfigSnapshot } from "./config-snapshot.ts";
import type { ProcessServices } from "./process-services.ts";

/** The snapshots of one process: the current one, and those that still have requests under way. */
export class ConfigReloader {
  current: ConfigSnapshot;
  readonly #services: ProcessServices;
  readonly #retiring = new Set<ConfigSnapshot>();
  #config: Config;
  #wasReady = false;
  #isStopping = false;
  #lastReload: Promise<void> = Promise.resolve();

  private constructor(config: Config, current: ConfigSnapshot, services: ProcessServices) {
    this.#config = config;
    this.current = current;
    this.#services = services;
  }

  /** Builds the first snapshot. Rejects if it cannot be built, with the cache closed. */
  static async open(config: Config, services: ProcessServices): Promise<ConfigReloader> {
    try {
      return new ConfigReloader(config, createConfigSnapshot(config, services), services);
    } catch (error) {
      await services.cache.close();
      throw error;
    }
  }

  /** True from the first answer of a CMS to any snapshot. */
  get ready(): boolean {
    this.#wasReady ||= this.current.ready;
    return this.#wasReady;
  }

  /** Reloads one at a time, in the order of the calls. Never rejects. */
  reload(read: () => Config): Promise<void> {
    this.#lastReload = this.#lastReload.then(() => this.#reload(read));
    return this.#lastReload;
  }

  stopProbing(): void {
    this.#isStopping = true;
    for (const snapshot of this.#all()) snapshot.stopProbing();
  }

  async closeNative(): Promise<void> {
    await Promise.all(this.#all().map(({ native }) => native.close()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((snapshot) => snapshot.close()));
  }

  async #reload(read: () => Config): Promise<void> {
    const { log, events } = this.#services;
    try {
      const { config, needRestart } = reloadable(this.#config, read());
      await this.#replace(config);
      events.reloaded("applied");
      log.info(needRestart.length === 0 ? {} : { needRestart }, "configuration reloaded");
      log.level = config.log.level;
    } catch (error) {
      events.reloaded("refused");
      const problems = error instanceof ConfigError ? error.problems : [causeOf(error)];
      log.error({ problems }, "configuration not reloaded: the old one stays");
    }
  }

  async #replace(config: Config): Promise<void> {
    const { clock } = this.#services;
    const snapshot = createConfigSnapshot(config, this.#services);
    // Before the first request: a target that hangs is found out. The wait is bounded, since all targets may hang.
    const longest = Math.max(
      ...[...snapshot.upstreams.values()].map(({ settings }) => settings.healthTimeout),
    );
    await Promise.race([
      snapshot.probe(),
      new Promise<void>((resolve) => void clock.after(longest, resolve)),
    ]);
    if (this.#isStopping) {
      await snapshot.close();
      return;
    }
    const previous = this.current;
    // Read now: the previous snapshot and its answer are dropped.
    this.#wasReady ||= previous.ready;
    this.current = snapshot;
    this.#config = config;
    snapshot.startProbing();
    this.#retiring.add(previous);
    void previous.retire(config.server.drainTimeout).finally(() => this.#retiring.delete(previous));
  }

  #all(): readonly ConfigSnapshot[] {
    return [this.current, ...this.#retiring];
  }
}

/** Sections that are read once, at start: listening sockets, the caches and their Redis. */
const FIXED = ["server", "cache", "redis"] as const;

/** The new configuration with the parts that only a restart changes left as they are, and the names of those that differ. */
export function reloadable(
  current: Config,
  next: Config,
): { config: Config; needRestart: readonly string[] } {
  const needRestart = FIXED.flatMap((section) => {
    const before = new Map(Object.entries(current[section]));
    const after = new Map(Object.entries(next[section]));
    return [...new Set([...before.keys(), ...after.keys()])]
      .filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)))
      .map((name) => `${section}.${name}`);
  });
  const { server, cache, redis } = current;
  const { format } = current.log;
  if (next.log.format !== format) needRestart.push("log.format");
  return { config: { ...next, server, cache, redis, log: { ...next.log, format } }, needRestart };
}
