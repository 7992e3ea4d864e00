import { credential, MANY, NEEDS_KEY, tenantSlugs, type Ask } from "../../cms/payload/audit.ts";
import { upstreamRoutesOf } from "../../app/config-snapshot.ts";
import type { Config } from "../../config/schema.ts";
import { DEFAULT_UPSTREAM } from "../../config/upstream.ts";
import type { Clock } from "../../core/clock.ts";
import { toGatewayError } from "../../core/errors.ts";
import type { AuditFinding } from "../../core/finding.ts";
import type { Breach, AnswerEvents, WithheldValues } from "../../core/foreign.ts";
import { FOREVER } from "../../core/async/cancellation.ts";
import { parseTarget } from "../../core/path.ts";
import type { Cms } from "../../core/ports.ts";
import type { Secret } from "../../core/secret.ts";
import { createPipeline } from "../../partners/pipeline.ts";
import { deadline } from "../../partners/layers.ts";
import { createChooseUpstream } from "../../partners/stages/choose-upstream.ts";
import { incomingOf, openStages } from "../stages.ts";
import { advice, summary } from "./declaring.ts";

/** The most records of each collection in the sample. */
const SAMPLE = 20;

/** The most tenants that are tried until one can be read. */
const TENANTS = 3;

/** The dependencies of the sample. */
export interface SampleOptions {
  readonly config: Config;
  readonly ask: Ask;
  readonly key: Secret | undefined;
  readonly clock: Clock;
  readonly isStopped: () => boolean;
}

/**
 * Reads a page of each exposed collection through the gateway's own stages, as a partner would, and reports
 * the withheld values. Reads only.
 */
export async function withheldSample(options: SampleOptions): Promise<Omit<AuditFinding, "check">> {
  const { key } = options;
  if (key === undefined) return NEEDS_KEY;
  const config = enforcing(options.config);
  const [version = ""] = config.partners.versions;
  const reader = openReader({ config, key, clock: options.clock });
  try {
    const memberships = await slugsOf(key, reader.cms());
    const slugs = memberships.length > 0 ? memberships : await tenantSlugs(options, key);
    for (const slug of slugs) {
      const found: Found = { breaches: [], values: [], answered: 0 };
      for (const collection of config.partners.collections.slice(0, MANY)) {
        if (options.isStopped()) break;
        const path = `/partners/${version}/${encodeURIComponent(slug)}/${collection}`;
        const code = await reader.read(`${path}?limit=${SAMPLE}&depth=${config.limits.depth}`, found);
        if (code === "tenant.unknown") break;
        if (code === undefined) found.answered += 1;
      }
      if (found.answered > 0 || found.breaches.length > 0) return judgementOf(found, config);
    }
  } finally {
    await reader.close();
  }
  return { severity: "unknown", seen: "no exposed collection could be read for a tenant of the key's user" };
}

/** Returns the slugs of the first tenants that the key's user is a member of. */
async function slugsOf(key: Secret, cms: Cms): Promise<string[]> {
  const note = { stage: "audit", upstreamRequests: 0, upstreamMs: 0 };
  const asking = { requestId: "audit", signal: FOREVER, note };
  const identity = await cms.identify(key, asking);
  const slugs: string[] = [];
  for (const id of identity?.tenantIds.slice(0, TENANTS) ?? []) {
    const tenant = await cms.findTenant({ by: "id", id }, { credential: key, name: "audit" }, asking);
    if (tenant !== undefined) slugs.push(tenant.slug);
  }
  return slugs;
}

/** The findings in the answers of one tenant. */
interface Found {
  readonly breaches: Breach[];
  readonly values: WithheldValues[];
  answered: number;
}

/** Returns the configuration with all isolation checks enforced and without the rate limit. */
function enforcing(config: Config): Config {
  const { partners, rate } = config;
  return {
    ...config,
    partners: { ...partners, tripwire: "enforce" },
    rate: { ...rate, enabled: false },
  };
}

/** Returns a reader of lists through the stages; `close` ends the connections. */
function openReader({
  config,
  key,
  clock,
}: Pick<SampleOptions, "config" | "clock"> & { readonly key: Secret }) {
  const headers = credential(config.cms, key);
  const choose = createChooseUpstream(upstreamRoutesOf(config));
  let found: Found = { breaches: [], values: [], answered: 0 };
  const tell: AnswerEvents = {
    isolation: (breach) => void found.breaches.push(breach),
    withheld: (values) => void found.values.push(values),
    unreadable: () => undefined,
  };
  const opened = new Map<string, ReturnType<typeof openStages>>();
  const open = (name: string) => {
    const one = opened.get(name) ?? openStages(config, { name, clock, tell });
    opened.set(name, one);
    return one;
  };
  return {
    cms: () => open(DEFAULT_UPSTREAM).cms,
    /** Returns the answered error's code; `undefined` if there is none. */
    async read(path: string, into: Found): Promise<string | undefined> {
      found = into;
      const target = parseTarget(path);
      const name = choose({ target, headers }).upstream;
      const run = deadline(config.partners.deadline, clock)(createPipeline(open(name).stages));
      try {
        await run(incomingOf({ method: "GET", headers, body: Buffer.alloc(0) }, target));
        return undefined;
      } catch (thrown) {
        return toGatewayError(thrown).code;
      }
    },
    close: () => Promise.all([...opened.values()].map((one) => one.close())),
  };
}

function judgementOf({ breaches, values }: Found, { cms }: Config): Omit<AuditFinding, "check"> {
  const [breach] = breaches;
  if (breach !== undefined)
    return {
      severity: "high",
      seen: `the CMS sent records of another tenant in answers to requests for one tenant's: ${breach.collection} (${breach.place})`,
      change: "see docs/operating.md, GatewayIsolation",
    };
  if (values.length === 0)
    return { severity: "ok", seen: "nothing is withheld from a sample of the exposed collections" };
  return {
    severity: "low",
    seen: `values withheld from a sample, since they are not provably the tenant's: ${summary(values)}`,
    change: advice(values, cms),
  };
}
