import type { Config } from "../config/schema.ts";
import type { Health, CurrentState } from "../core/status.ts";
import { causeOf } from "../observe/log.ts";
import { snapshotOf } from "../observe/snapshot.ts";
import { ADMIN_LIMITS, startAdmin, type AdminApi } from "../server/admin.ts";
import { startServer, type RunningServer } from "../server/server.ts";
import { purgeOf } from "./cached-lookups.ts";
import { ConfigReloader } from "./config-reloader.ts";
import { createProcessServices, type ProcessDeps, type ProcessServices } from "./process-services.ts";

/** A running gateway. */
export interface RunningGateway {
  readonly port: number;
  readonly adminPort: number;
  /**
   * Changes to the configuration that `read` returns; requests under way end by the one they began with. Settings of the
   * sections `server`, `cache` and `redis` and `log.format` stay: the log names those that differ. If the configuration
   * cannot be read or built, the log says why and nothing changes. Never rejects. Resolves when new requests use it.
   */
  reload(read: () => Config): Promise<void>;
  /** Ends the service without a reset connection: see `server.drainDelay` and `server.drainTimeout`. */
  stop(): Promise<void>;
}

/** Builds a gateway and listens. Rejects if an address is taken, with everything closed. */
export async function startGateway(config: Config, deps: ProcessDeps): Promise<RunningGateway> {
  const gateway = await Gateway.open(config, deps);
  const admin = await openAdmin(config, gateway).catch(async (error: unknown) => {
    await gateway.close();
    throw error;
  });
  const port = await gateway.listen().catch(async (error: unknown) => {
    await gateway.close();
    await admin.close();
    throw error;
  });
  return {
    port,
    adminPort: admin.port,
    reload: (read) => gateway.reloader.reload(read),
    async stop() {
      await gateway.stop();
      await admin.close();
    },
  };
}

/** The gateway without its admin port. */
class Gateway {
  readonly services: ProcessServices;
  readonly reloader: ConfigReloader;
  readonly #config: Config;
  #server: RunningServer | undefined;
  #isDraining = false;

  private constructor(config: Config, reloader: ConfigReloader, services: ProcessServices) {
    this.#config = config;
    this.reloader = reloader;
    this.services = services;
  }

  /** Builds the services of the process and the first snapshot. The result has to be closed. */
  static async open(config: Config, deps: ProcessDeps): Promise<Gateway> {
    const services = createProcessServices(config, deps);
    return new Gateway(config, await ConfigReloader.open(config, services), services);
  }

  /** Starts to serve clients. Resolves with the port; rejects if the address is taken. */
  async listen(): Promise<number> {
    const { server } = this.#config;
    const { reloader, services } = this;
    // Before a replica has reached Redis, every key counts as unknown.
    await services.cache.begun;
    this.#server = await startServer(
      {
        ...server,
        clock: services.clock,
        ways: () => reloader.current,
        onRefused: (refused) => services.events.refused({ ...refused, stage: "server" }),
      },
      { host: server.host, port: server.port, reusePort: server.reusePort },
    );
    reloader.current.startProbing();
    return this.#server.port;
  }

  /** The state of the gateway at this moment. */
  standing(): CurrentState {
    const { current, ready } = this.reloader;
    const parts = { ...current.parts(), ...redisPart(this.services) };
    return {
      health: { ready, draining: this.#isDraining, parts },
      load: current.load,
      targets: current.targets(),
      endings: current.endings,
    };
  }

  async stop(): Promise<void> {
    const { drainDelay, drainTimeout } = this.#config.server;
    this.#isDraining = true;
    this.#server?.announceClosing();
    this.reloader.stopProbing();
    await new Promise<void>((resolve) => void this.services.clock.after(drainDelay, resolve));
    // Together: a WebSocket does not end of itself, and the server waits for its connection.
    await Promise.all([this.#server?.drain(drainTimeout), this.reloader.closeNative()]);
    await this.close();
  }

  /** Closes everything but the listening socket. */
  async close(): Promise<void> {
    await this.reloader.close();
    await this.services.cache.close();
  }
}

/** Redis as `/readyz` shows it. Without Redis the gateway serves on, so its loss does not make a replica unready. */
function redisPart({ cache }: ProcessServices): Health["parts"] {
  const state = cache.redisState;
  return state === undefined ? {} : { redis: state.heard && state.shared ? "ok" : "degraded" };
}

/** Opens the admin port. Rejects if the address is taken. */
function openAdmin(
  { server }: Config,
  gateway: Gateway,
): Promise<{ port: number; close: () => Promise<void> }> {
  const { clock, log } = gateway.services;
  return startAdmin(
    {
      ...adminApiOf(gateway),
      clock,
      token: server.adminToken,
      onFault: (cause) => log.error({ cause: causeOf(cause) }, "the admin port could not answer"),
    },
    { host: server.adminHost, port: server.adminPort },
    // Node wants the time for a whole request to be no shorter than that for its head.
    { ...ADMIN_LIMITS, headersTimeout: server.headersTimeout, requestTimeout: 2 * server.headersTimeout },
  );
}

function adminApiOf(gateway: Gateway): AdminApi {
  const { reloader, services } = gateway;
  const { cache, metrics, status } = services;
  return {
    health: async () => gateway.standing().health,
    purge: purgeOf(cache, () => reloader.current.upstreams.keys()),
    metrics: () => metrics.page(gateway.standing()),
    snapshot: async () => snapshotOf(status.heard(), gateway.standing()),
  };
}
