import { createGeneration } from "./compose/generation.ts";
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
  /** Goes out of service without a reset connection: see `server.drainDelay` and `server.drainTimeout`. */
  stop(): Promise<void>;
}

/**
 * Builds what lasts (`compose/lasting.ts`) and what the configuration decides (`compose/generation.ts`) and listens.
 * Rejects where an address is taken.
 */
export async function startGateway(config: Config, surroundings: Surroundings): Promise<RunningGateway> {
  const lasting = createLasting(config, surroundings);
  const { clock, cache, tell } = lasting;
  const current = createGeneration(config, lasting);
  let draining = false;
  const standing = (): Standing => ({
    health: { ready: current.ready, draining, parts: { cms: current.cmsState, ...redisPart(lasting) } },
    load: current.load,
    endings: current.endings,
  });
  const admin = await startAdminOf(config, standing, lasting);
  const server = await startServer(
    {
      ...config.server,
      ways: () => current,
      onRefused: (refused) => tell.refused(refused),
    },
    { host: config.server.host, port: config.server.port },
  ).catch(async (error: unknown) => {
    await admin.close();
    await cache.close();
    throw error;
  });
  current.startProbing();

  return {
    port: server.port,
    adminPort: admin.port,
    async stop() {
      draining = true;
      server.announceClosing();
      current.stopProbing();
      await new Promise<void>((resolve) => void clock.after(config.server.drainDelay, resolve));
      // Together: a WebSocket does not end of itself, and the server waits for its connection.
      await Promise.all([server.drain(config.server.drainTimeout), current.native.close()]);
      await current.close();
      await cache.close();
      await admin.close();
    },
  };
}

/** The admin port; where it is taken, what was opened before it is closed. */
async function startAdminOf(config: Config, standing: () => Standing, lasting: Lasting) {
  const { cache, metrics, status, log } = lasting;
  return startAdmin(
    {
      health: () => standing().health,
      purge: purgeOf(cache),
      metrics: () => metrics.page(standing()),
      snapshot: () => status.snapshot(standing()),
      token: config.server.adminToken,
      onFault: (cause) => log.error({ cause: causeOf(cause) }, "the admin port could not answer"),
    },
    { host: config.server.adminHost, port: config.server.adminPort },
  ).catch(async (error: unknown) => {
    await cache.close();
    throw error;
  });
}

/** Redis as `/readyz` shows it. Without it the gateway serves on, so that its loss is no reason to be taken out. */
function redisPart({ cache }: Lasting): Partial<Health["parts"]> {
  const state = cache.redisState;
  return state === undefined ? {} : { redis: state.heard && state.shared ? "ok" : "degraded" };
}
