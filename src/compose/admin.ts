import type { Config } from "../config/schema.ts";
import { causeOf, type Log } from "../observe/log.ts";
import { startAdmin, type Answers } from "../server/admin.ts";

/** Opens the admin port where the configuration has it. Rejects where the address is taken. */
export function openAdmin(
  { server }: Config,
  log: Log,
  answers: Answers,
): Promise<{ port: number; close: () => Promise<void> }> {
  return startAdmin(
    {
      ...answers,
      token: server.adminToken,
      onFault: (cause) => log.error({ cause: causeOf(cause) }, "the admin port could not answer"),
    },
    { host: server.adminHost, port: server.adminPort },
  );
}
