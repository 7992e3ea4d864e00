import type { Config } from "../config/schema.ts";
import type { Identity } from "../core/context.ts";
import { isUnderPrefix } from "../core/path.ts";
import type { Observed } from "../http/proxy/proxy.ts";
import type { Events } from "../observe/events.ts";
import type { Log } from "../observe/log.ts";
import { readKey, type Keys } from "../partners/stages/authenticate.ts";

/** What an operator who has switched a protection off must not forget, in one line of the log at every start. */
export function warnOfObserveMode(config: Config, log: Log): void {
  const { keys, targets } = config.native;
  const { tripwire } = config.partners;
  if (keys === "observe")
    log.warn(
      { setting: "native.keys", value: keys },
      "API keys pass on native paths: no tenant, no rule of the gateway's holds there",
    );
  if (targets === "observe")
    log.warn(
      { setting: "native.targets", value: targets },
      "ambiguous native paths pass: the CMS may read them in another way than the gateway",
    );
  if (tripwire !== "enforce")
    log.warn(
      { setting: "partners.tripwire", value: tripwire },
      "the tripwire holds nothing back: foreign records leave",
    );
}

/** The native rules that refuse nobody, by the settings. */
export function observedRules({ native }: Config): ReadonlySet<"key" | "target"> {
  const rules = new Set<"key" | "target">();
  if (native.keys === "observe") rules.add("key");
  if (native.targets === "observe") rules.add("target");
  return rules;
}

/** Questions of whose a key is, under way at once: what is only to be logged must not crowd out what is to be served. */
const MOST_QUESTIONS = 8;

/**
 * Counts and logs native requests that enforcing would refuse: who (found out beside the request, which does not wait
 * for it), what for, and where. Never the key, and of the path only what is known beforehand.
 */
export function observeOnly(config: Config, keys: Keys, tell: Pick<Events, "observed">) {
  let questions = 0;
  const whose = async ({ requestId, rawHeaders }: Observed): Promise<Identity | undefined> => {
    const key = readKey(rawHeaders, config.cms.users);
    if (key === undefined || questions >= MOST_QUESTIONS) return undefined;
    questions += 1;
    try {
      const signal = AbortSignal.timeout(config.upstream.deadline);
      const note = { stage: "observe", upstreamRequests: 0, upstreamMs: 0 };
      return (await keys.find(key, { requestId, signal, note })).value;
    } catch {
      return undefined;
    } finally {
      questions -= 1;
    }
  };
  return (observed: Observed): void => {
    const { requestId, code, reason, method, target } = observed;
    const prefix = config.native.prefixes.find((one) => isUnderPrefix(target, [one])) ?? "none";
    const tellOf = (identity: Identity | undefined): void => {
      const userId = identity?.userId;
      const tenants = identity?.allTenants === true ? "all" : identity?.tenantIds;
      const collection = collectionIn(target, config);
      tell.observed({ requestId, code, reason, userId, tenants, method, prefix, collection });
    };
    void whose(observed).then(tellOf);
  };
}

/** The exposed collection that a native target is about, if it is one: any other word may be somebody's secret. */
function collectionIn(target: string, { cms, partners }: Config): string | undefined {
  if (!isUnderPrefix(target, [cms.apiPath])) return undefined;
  const [pathname = ""] = target.split("?", 1);
  const base = cms.apiPath === "/" ? 0 : cms.apiPath.length;
  const [, collection = ""] = pathname.slice(base).split("/");
  return partners.collections.includes(collection) ? collection : undefined;
}
