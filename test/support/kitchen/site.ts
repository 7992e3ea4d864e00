import tap from "tap";
import type { Payload } from "payload";

import { startSite, type Caller, type Json, type Site } from "../isolation.ts";
import { KITCHEN, KITCHEN_SETTINGS } from "./project.ts";

/** The kitchen's CMS with a gateway in front of it, for one test file. */
export interface Kitchen {
  readonly site: Site;
  /** Sends a request as tenant A's partner. */
  readonly ask: Caller["ask"];
  readonly payload: Payload;
  /** Creates a record of A without the gateway, hooks included. */
  made(collection: string, data: Json): Promise<string | number>;
}

/** Starts it; it ends with the test file. */
export async function startKitchen(): Promise<Kitchen> {
  const site = await startSite(KITCHEN_SETTINGS, { project: KITCHEN });
  tap.teardown(() => site.close());
  const partner = site.as("partnerA");
  const { payload } = site.cms;
  return {
    site,
    ask: (method, path, sent) => partner.ask(method, path, sent),
    payload,
    async made(collection, data) {
      const { id } = await payload.create({ collection, data: { tenant: 1, ...data } });
      return id;
    },
  };
}
