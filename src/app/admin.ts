import type { Config } from "../config/schema.ts";
import type { Clock } from "../core/clock.ts";
import { causeOf, type Log } from "../observe/log.ts";
import { ADMIN_LIMITS, startAdmin, type AdminApi } from "../server/admin.ts";

/** Opens the admin port where the configuration has it. Rejects where the address is taken. */
export function openAdmin(
  { server }: Config,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
  answers: AdminApi,
): Promise<{ port: number; close: () => Promise<void> }> {
  return startAdmin(
    {
      ...answers,
      clock,
      token: server.adminToken,
      onFault: (cause) => log.error({ cause: causeOf(cause) }, "the admin port could not answer"),
    },
    { host: server.adminHost, port: server.adminPort },
    // Node wants the time for a whole request to be no shorter than that for its head.
    { ...ADMIN_LIMITS, headersTimeout: server.headersTimeout, requestTimeout: 2 * server.headersTimeout },
  );
}
