import { House } from "./compose/house.ts";
import { createLasting, type Lasting, type Surroundings } from "./compose/lasting.ts";
import { purgeOf } from "./compose/remember.ts";
import type { Config } from "./config/schema.ts";
import type { Health, Standing } from "./core/status.ts";
import { causeOf } from "./observe/log.ts";
import { startAdmin } from "./server/admin.ts";
import { startServer } from "./server/server.ts";

/** A running gateway. */
export interface RunningGateway {
  readonly port: number;
  readonly adminPort: number;
  /**
   * Goes over to the configuration that `read` gives; requests under way end by the one they began with. Settings of the
   * sections `server`, `cache` and `redis` stay: the log names those that differ. Where it cannot be read or built, the
   * log says why and all stays as it is. Never rejects. Resolves when new requests come to it.
   */
  reload(read: () => Config): Promise<void>;
  /** Goes out of service without a reset connection: see `server.drainDelay` and `server.drainTimeout`. */
  stop(): Promise<void>;
}

/**
 * Builds what lasts (`compose/lasting.ts`) and what the configuration decides (`compose/generation.ts`) and listens.
 * Rejects where an address is taken.
 */
export async function startGateway(config: Config, surroundings: Surroundings): Promise<RunningGateway> {
  const lasting = createLasting(config, surroundings);
  const { clock, cache } = lasting;
  const house = await House.open(config, lasting);
  let draining = false;
  const standing = (): Standing => {
    const { current } = house;
    return {
      health: { ready: house.ready, draining, parts: { ...current.parts(), ...redisPart(lasting) } },
      load: current.load,
      targets: current.targets(),
      endings: current.endings,
    };
  };
  const closeAll = async (): Promise<void> => {
    await house.close();
    await cache.close();
  };
  const admin = await startAdminOf({ config, standing, house }, lasting).catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  const server = await startServer(
    {
      ...config.server,
      ways: () => house.current,
      onRefused: (refused) => house.current.recording.tell.refused(refused),
    },
    { host: config.server.host, port: config.server.port },
  ).catch(async (error: unknown) => {
    await admin.close();
    await closeAll();
    throw error;
  });
  house.current.keepLooking();

  return {
    port: server.port,
    adminPort: admin.port,
    reload: (read) => house.reload(read),
    async stop() {
      draining = true;
      server.announceClosing();
      house.stopLooking();
      await new Promise<void>((resolve) => void clock.after(config.server.drainDelay, resolve));
      // Together: a WebSocket does not end of itself, and the server waits for its connection.
      await Promise.all([server.drain(config.server.drainTimeout), house.closeNative()]);
      await closeAll();
      await admin.close();
    },
  };
}

interface AdminParts {
  readonly config: Config;
  readonly standing: () => Standing;
  readonly house: House;
}

function startAdminOf({ config, standing, house }: AdminParts, { cache, metrics, status, log }: Lasting) {
  return startAdmin(
    {
      health: () => standing().health,
      purge: purgeOf(cache, () => house.current.facilities.keys()),
      metrics: () => metrics.page(standing()),
      snapshot: () => status.snapshot(standing()),
      recorder: () => house.current.recording.recorder,
      token: config.server.adminToken,
      onFault: (cause) => log.error({ cause: causeOf(cause) }, "the admin port could not answer"),
    },
    { host: config.server.adminHost, port: config.server.adminPort },
  );
}

/** Redis as `/readyz` shows it. Without it the gateway serves on, so that its loss is no reason to be taken out. */
function redisPart({ cache }: Lasting): Health["parts"] {
  const state = cache.redisState;
  return state === undefined ? {} : { redis: state.heard && state.shared ? "ok" : "degraded" };
}
