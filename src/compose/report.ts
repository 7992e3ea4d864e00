import { CATALOGUE } from "../core/errors.ts";
import type { Finished } from "../gateway/layers.ts";
import { logAccess } from "../observe/log.ts";
import type { Refused } from "../server/door.ts";
import type { Lasting } from "./lasting.ts";

/** Writes an answered partner request into the log and the metrics. */
export function reportFinished({ log, metrics }: Pick<Lasting, "log" | "metrics">, finished: Finished): void {
  logAccess(log, entryOf(finished));
  metrics.request(finished);
}

/** The same for a request that never got as far as the pipeline. */
export function reportRefused({ log, metrics }: Pick<Lasting, "log" | "metrics">, refused: Refused): void {
  logAccess(log, entryOfRefused(refused));
  metrics.refused(refused.error.code);
}

function entryOfRefused({ requestId, method, error }: Refused) {
  const { code, cause } = error;
  return { requestId, method, status: CATALOGUE[code].status, ms: 0, code, cause };
}

function entryOf({ requestId, method, status, ms, note }: Finished) {
  return {
    requestId,
    method,
    status,
    ms: Math.round(ms * 100) / 100,
    ...note,
    upstreamMs: Math.round(note.upstreamMs * 100) / 100,
  };
}
