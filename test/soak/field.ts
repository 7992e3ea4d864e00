import { startProgram, type Program } from "../support/program.ts";
import { Ledger } from "./ledger.ts";
import { Backends } from "./outages.ts";

/**
 * A gateway's process in front of a real CMS and a real Redis, and the ledger that is compared with its log.
 */
export interface Field {
  readonly program: Program;
  readonly backends: Backends;
  readonly ledger: Ledger;
  /** Ends every process that is still alive. */
  close(): Promise<void>;
}

export interface FieldOptions {
  /** The gateway's `limits.bodyPause`. */
  readonly bodyPause: string;
  /** A module to preload into the process, and the receiver of its log lines with `msg: "gauge"`. */
  readonly gauge?: { readonly preload: string; readonly onLine: (line: Record<string, unknown>) => void };
}

/** Starts all of it. */
export async function openField({ bodyPause, gauge }: FieldOptions): Promise<Field> {
  const ledger = new Ledger();
  const backends = await Backends.start();
  const program = await startProgram(`http://127.0.0.1:${backends.cms.port}`, {
    ...(gauge !== undefined && { preload: gauge.preload }),
    env: { REDIS_URL: backends.redis.url, CACHE_SECRET: "of-a-soak-and-nothing-else-at-all" },
    settings: {
      limits: { bodyPause },
      // A CMS that shares two cores with all this may be slow without a fault; one that is down fails at
      // once.
      partners: { collections: ["posts", "pages"], deadline: "100s" },
      upstream: { connectTimeout: "60s", firstByteTimeout: "60s", idleTimeout: "60s", deadline: "90s" },
      cache: { keyTtl: "5s", tenantTtl: "5s" },
    },
    onLine: (line) => (line["msg"] === "gauge" ? gauge?.onLine(line) : ledger.logged(line)),
  });
  return {
    program,
    backends,
    ledger,
    async close() {
      program.signal("SIGKILL");
      await backends.close();
    },
  };
}
