import { snapshotOf } from "../observe/snapshot.ts";
import type { AdminApi } from "../server/admin.ts";
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
    snapshot: async () => snapshotOf([status.heard()], serving.standing()),
  };
}
