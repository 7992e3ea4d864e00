import type { Config } from "../config/schema.ts";
import { createConfigSnapshot, type ConfigSnapshot } from "./config-snapshot.ts";
import type { ProcessServices } from "./process-services.ts";
import { reloadable, reportReload } from "./reload.ts";

/** The generations of one process: the one that requests come to, and those that still have some to end. */
export class ConfigReloader {
  current: ConfigSnapshot;
  readonly #lasting: ProcessServices;
  readonly #retiring = new Set<ConfigSnapshot>();
  #config: Config;
  #wasReady = false;
  #isStopping = false;
  #turn: Promise<void> = Promise.resolve();

  private constructor(config: Config, current: ConfigSnapshot, lasting: ProcessServices) {
    this.#config = config;
    this.current = current;
    this.#lasting = lasting;
  }

  static async open(config: Config, lasting: ProcessServices): Promise<ConfigReloader> {
    try {
      return new ConfigReloader(config, createConfigSnapshot(config, lasting), lasting);
    } catch (error) {
      await lasting.cache.close();
      throw error;
    }
  }

  /** True from the first time that a CMS answered, in whatever generation. */
  get ready(): boolean {
    this.#wasReady ||= this.current.ready;
    return this.#wasReady;
  }

  /** One reload at a time, in the order in which they were asked for. */
  reload(read: () => Config): Promise<void> {
    const { log, tell } = this.#lasting;
    const turn = async (): Promise<void> => {
      await this.#turn;
      await reportReload({ log, tell }, async () => {
        const { config, needRestart } = reloadable(this.#config, read());
        await this.#replace(config);
        return { level: config.log.level, needRestart };
      });
    };
    this.#turn = turn();
    return this.#turn;
  }

  stopLooking(): void {
    this.#isStopping = true;
    for (const generation of this.#all()) generation.stopLooking();
  }

  async closeNative(): Promise<void> {
    await Promise.all(this.#all().map(({ native }) => native.close()));
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((generation) => generation.close()));
  }

  async #replace(config: Config): Promise<void> {
    const { clock } = this.#lasting;
    const generation = createConfigSnapshot(config, this.#lasting);
    // Before anybody is sent there: a target that hangs is known for it then. Not for ever, since all may hang.
    const patience = Math.max(
      ...[...generation.facilities.values()].map((one) => one.settings.healthTimeout),
    );
    await Promise.race([
      generation.look(),
      new Promise<void>((resolve) => void clock.after(patience, resolve)),
    ]);
    if (this.#isStopping) {
      await generation.close();
      return;
    }
    const previous = this.current;
    // Also noted of the previous one, whose answer would be lost with it.
    this.#wasReady ||= previous.ready;
    this.current = generation;
    this.#config = config;
    generation.keepLooking();
    this.#retiring.add(previous);
    void previous.retire(config.server.drainTimeout).finally(() => this.#retiring.delete(previous));
  }

  #all(): readonly ConfigSnapshot[] {
    return [this.current, ...this.#retiring];
  }
}
