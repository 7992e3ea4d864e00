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
import { createConcurrencyLimit, inLimits } from "../partners/stages/concurrency-limit.ts";
import { createVersion } from "../partners/stages/version.ts";
import type { CachedLookups } from "./cached-lookups.ts";

/** The CMS as the stages see it: its adapter, the connections to it, and what is remembered of it. */
export interface StageDeps {
  readonly cms: Cms;
  /** What a permitted request is sent through. */
  readonly upstream: Upstream;
  /** Reads under way; `explain` has none. */
  readonly reads?: SharedReads;
  readonly memory: CachedLookups;
  /** The time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
  /** What counts requests, and is told how that went. */
  readonly rate: Pick<RateDeps, "counter" | "onCounted">;
  readonly isHome: ResolveTenantDeps["isHome"];
}

/** The stages of the pipeline; `explain` runs these very ones. */
export function stagesOf(
  config: Config,
  { cms, upstream, reads, memory, wallTime, rate, isHome }: StageDeps,
): Stages {
  const { keys, tenants } = memory;
  const authenticate = createAuthenticate({ keys, usersCollection: config.cms.users });
  return {
    receive,
    describe: createDescribe({
      authenticate,
      isPublic: config.partners.publicDescription,
      document: describer(config, wallTime),
    }),
    authenticate,
    recheck: aroundOf(config, { keys, rate }),
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

/** What goes around all stages after `version`: what is refused for being too much is not counted, nor rechecked. */
function aroundOf(
  config: Config,
  { keys, rate }: Pick<StageDeps, "rate"> & Pick<CachedLookups, "keys">,
): Stages["recheck"] {
  const share = createConcurrencyLimit({
    max: config.limits.inFlightPerKey,
    maxUnsent: config.limits.unsentPerKey,
  });
  const recheck = createVerifyKeyOn401({ keys });
  if (!config.rate.enabled) return inLimits(share, recheck);
  return inLimits(share, inLimits(createRate({ ...rate, settings: config.rate }), recheck));
}
