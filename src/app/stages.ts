import type { Config } from "../config/schema.ts";
import type { Cms, Upstream } from "../core/ports.ts";
import { describer } from "../partners/describe/document.ts";
import type { Stages } from "../partners/pipeline.ts";
import { createAuthenticate } from "../partners/stages/authenticate.ts";
import { createAuthorise } from "../partners/stages/authorise.ts";
import { createAnswer, createForward, createPrepare } from "../partners/stages/forward.ts";
import { createDescribe } from "../partners/stages/describe.ts";
import { createReadBody } from "../partners/stages/read-body.ts";
import type { SharedReads } from "../partners/stages/shared-reads.ts";
import { createRate, type RateDeps } from "../partners/stages/rate.ts";
import { receive } from "../partners/stages/receive.ts";
import { createVerifyKeyOn401 } from "../partners/stages/verify-key-on-401.ts";
import { createResolveTenant, type ResolveTenantDeps } from "../partners/stages/resolve-tenant.ts";
import { createRoute } from "../partners/stages/route.ts";
import { createConcurrencyLimit, withLimits } from "../partners/stages/concurrency-limit.ts";
import { createVersion } from "../partners/stages/version.ts";
import type { CachedLookups } from "./cached-lookups.ts";

/** A CMS as the stages use it: its adapter, the connections to it and its cached lookups. */
export interface StageDeps {
  readonly cms: Cms;
  /** Sends permitted requests. */
  readonly upstream: Upstream;
  /** Reads under way; `explain` has none. */
  readonly reads?: SharedReads;
  readonly lookups: CachedLookups;
  /** The time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
  /** Counts requests for the rate limit, and hears of the outcome. */
  readonly rate: Pick<RateDeps, "counter" | "onCounted">;
  readonly isHome: ResolveTenantDeps["isHome"];
}

/** The stages of the pipeline; `explain` runs these very ones. */
export function stagesOf(
  config: Config,
  { cms, upstream, reads, lookups, wallTime, rate, isHome }: StageDeps,
): Stages {
  const { keys, tenants } = lookups;
  const authenticate = createAuthenticate({ keys, usersCollection: config.cms.users });
  return {
    receive,
    describe: createDescribe({
      authenticate,
      isPublic: config.partners.publicDescription,
      document: describer(config, wallTime),
    }),
    authenticate,
    recheck: limitsOf(config, { keys, rate }),
    version: createVersion({
      versions: config.partners.versions,
      settings: config.partners.versionSettings,
      wallTime,
    }),
    resolveTenant: createResolveTenant({
      tenants,
      cms,
      idHeader: config.partners.tenantIdHeader,
      slugHeader: config.partners.tenantSlugHeader,
      isHome,
    }),
    route: createRoute({ cms, collections: config.partners.collections }),
    readBody: createReadBody({ maxBytes: config.limits.body }),
    authorise: createAuthorise({ cms }),
    join: (request, next) => (reads === undefined ? next(request) : reads.join(request, next)),
    prepare: createPrepare({ cms, maxUrl: config.limits.url }),
    forward: createForward({ upstream, cms }),
    answer: createAnswer({ cms }),
  };
}

/** The layers around all stages after `version`. A request over the concurrency limit is neither counted nor rechecked. */
function limitsOf(
  config: Config,
  { keys, rate }: Pick<StageDeps, "rate"> & Pick<CachedLookups, "keys">,
): Stages["recheck"] {
  const share = createConcurrencyLimit({
    max: config.limits.inFlightPerKey,
    maxUnsent: config.limits.unsentPerKey,
  });
  const recheck = createVerifyKeyOn401({ keys });
  if (!config.rate.enabled) return withLimits(share, recheck);
  return withLimits(share, withLimits(createRate({ ...rate, settings: config.rate }), recheck));
}
