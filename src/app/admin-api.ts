import { snapshotOf } from "../observe/snapshot.ts";
import type { AdminApi, Explained } from "../server/admin.ts";
import type { ConfigReloader } from "./config-reloader.ts";
import { purgeOf } from "./cached-lookups.ts";
import type { Serving } from "./serving.ts";

/** What a gateway of one process has to say of itself. */
export function adminApiOf(serving: Serving): AdminApi {
  const { house, lasting } = serving;
  const { cache, metrics, status } = lasting;
  return {
    health: async () => serving.standing().health,
    purge: purgeOf(cache, () => house.current.facilities.keys()),
    metrics: () => metrics.page(serving.standing()),
    explain: async (requestId) => explained(house, requestId),
    snapshot: async () => snapshotOf(status.heard(), serving.standing()),
  };
}

/** What this process knows of a past request; `undefined` where it keeps none. */
export function explained({ current }: ConfigReloader, requestId: string): Explained | undefined {
  const { recorder } = current.recording;
  return recorder && { keep: recorder.keep, text: recorder.find(requestId) };
}
