import { openAdmin } from "./admin.ts";
import { adminApiOf } from "./admin-api.ts";
import type { ProcessDeps } from "./process-services.ts";
import { Serving } from "./serving.ts";
import type { Config } from "../config/schema.ts";

/** A running gateway. */
export interface RunningGateway {
  readonly port: number;
  readonly adminPort: number;
  /**
   * Goes over to the configuration that `read` gives; requests under way end by the one they began with. Settings of the
   * sections `server`, `cache` and `redis` and `log.format` stay: the log names those that differ. Where it cannot be read or built, the
   * log says why and all stays as it is. Never rejects. Resolves when new requests come to it.
   */
  reload(read: () => Config): Promise<void>;
  /** Goes out of service without a reset connection: see `server.drainDelay` and `server.drainTimeout`. */
  stop(): Promise<void>;
}

/** Builds a gateway of one process and listens. Rejects where an address is taken. */
export async function startGateway(config: Config, surroundings: ProcessDeps): Promise<RunningGateway> {
  const serving = await Serving.open(config, surroundings);
  const admin = await openAdmin(config, surroundings, adminApiOf(serving)).catch(async (error: unknown) => {
    await serving.close();
    throw error;
  });
  const port = await serving.listen().catch(async (error: unknown) => {
    await admin.close();
    throw error;
  });
  return {
    port,
    adminPort: admin.port,
    reload: (read) => serving.house.reload(read),
    async stop() {
      await serving.stop();
      await admin.close();
    },
  };
}
