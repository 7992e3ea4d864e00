import type { Config } from "../config/schema.ts";
import type { Health, Standing } from "../core/status.ts";
import { startServer, type RunningServer } from "../server/server.ts";
import { ConfigReloader } from "./config-reloader.ts";
import { createProcessServices, type ProcessServices, type ProcessDeps } from "./process-services.ts";

/** One process's part in serving clients: all of a gateway but its admin port. */
export class Serving {
  readonly house: ConfigReloader;
  readonly lasting: ProcessServices;
  readonly #config: Config;
  #server: RunningServer | undefined;
  #isDraining = false;

  private constructor(config: Config, house: ConfigReloader, lasting: ProcessServices) {
    this.#config = config;
    this.house = house;
    this.lasting = lasting;
  }

  /** Builds what lasts (`process-services.ts`) and what the configuration decides (`config-snapshot.ts`). Has to be closed. */
  static async open(config: Config, surroundings: ProcessDeps): Promise<Serving> {
    const lasting = createProcessServices(config, surroundings);
    return new Serving(config, await ConfigReloader.open(config, lasting), lasting);
  }

  /** Begins to serve. Resolves with the port; rejects where the address is taken, everything closed. */
  async listen(): Promise<number> {
    const { server } = this.#config;
    const { house } = this;
    // Before a replica can ask Redis, every key is an unknown one.
    await this.lasting.cache.begun;
    try {
      this.#server = await startServer(
        {
          ...server,
          clock: this.lasting.clock,
          ways: () => house.current,
          onRefused: (refused) => house.current.recording.tell.refused(refused),
        },
        { host: server.host, port: server.port, reusePort: server.reusePort },
      );
    } catch (error) {
      await this.close();
      throw error;
    }
    house.current.keepLooking();
    return this.#server.port;
  }

  /** How things stand at this moment. */
  standing(): Standing {
    const { current, ready } = this.house;
    const parts = { ...current.parts(), ...redisPart(this.lasting) };
    return {
      health: { ready, draining: this.#isDraining, parts },
      load: current.load,
      targets: current.targets(),
      endings: current.endings,
    };
  }

  /** Goes out of service without a reset connection: see `server.drainDelay` and `server.drainTimeout`. */
  async stop(): Promise<void> {
    const { drainDelay, drainTimeout } = this.#config.server;
    this.#isDraining = true;
    this.#server?.announceClosing();
    this.house.stopLooking();
    await new Promise<void>((resolve) => void this.lasting.clock.after(drainDelay, resolve));
    // Together: a WebSocket does not end of itself, and the server waits for its connection.
    await Promise.all([this.#server?.drain(drainTimeout), this.house.closeNative()]);
    await this.close();
  }

  /** Closes what was opened, but for what listens. */
  async close(): Promise<void> {
    await this.house.close();
    await this.lasting.cache.close();
  }
}

/** Redis as `/readyz` shows it. Without it the gateway serves on, so that its loss is no reason to be taken out. */
function redisPart({ cache }: ProcessServices): Health["parts"] {
  const state = cache.redisState;
  return state === undefined ? {} : { redis: state.heard && state.shared ? "ok" : "degraded" };
}
