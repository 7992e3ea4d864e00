import { createPayloadCms } from "../cms/payload/payload.ts";
import type { Config } from "../config/schema.ts";
import { createPipeline } from "../gateway/gateway.ts";
import { admission, deadline, inLayers, record, rescue } from "../gateway/layers.ts";
import type { Ways } from "../server/door.ts";
import { watchCms, type CmsState } from "../upstream/health.ts";
import { narrow } from "../upstream/narrow.ts";
import { createUpstream } from "../upstream/pool.ts";
import type { Lasting } from "./lasting.ts";
import { nativeOf } from "./native.ts";
import { remember } from "./remember.ts";
import { reportFinished, reportRefused } from "./report.ts";
import { stagesOf, type StageDeps } from "./stages.ts";

/** Everything that one configuration decides: connections to the CMS, its adapter, the pipeline, the native proxy. */
export interface Generation extends Ways {
  /** True from the first time that the CMS answered. */
  readonly ready: boolean;
  readonly cmsState: CmsState;
  /** Begins to ask how the CMS is, for as long as it is not well. */
  startProbing(): void;
  stopProbing(): void;
  /** Ends what is under way and closes every connection to the CMS. */
  close(): Promise<void>;
}

/** Builds a generation. Nothing is asked of the CMS before somebody does, or `startProbing`. */
export function createGeneration(config: Config, lasting: Lasting): Generation {
  const { clock, metrics, cache } = lasting;
  const pool = createUpstream({ ...config.upstream, clock });
  const health = watchCms(pool, clock);
  const { upstream } = health;
  const cms = createPayloadCms(config, upstream, {
    onForeign: (action, collection) => metrics.isolation(action, collection),
    strangers: narrow(upstream, config.upstream.keyLookups),
  });
  const memory = remember(config, { cms, cache });
  let stop: (() => void) | undefined;
  return {
    gateway: gatewayOf(config, { cms, upstream, memory }, lasting),
    native: nativeOf(config, memory, (refused) => reportRefused(lasting, refused)),
    nativePrefixes: config.native.prefixes,
    bodyPause: config.limits.bodyPause,
    get ready() {
      return health.ready;
    },
    get cmsState() {
      return health.state;
    },
    startProbing() {
      stop = health.keepProbing(cms);
    },
    stopProbing: () => stop?.(),
    close: () => pool.close(),
  };
}

/** The pipeline in its layers. */
function gatewayOf(config: Config, deps: StageDeps, lasting: Lasting): Ways["gateway"] {
  const { clock } = lasting;
  return inLayers(createPipeline(stagesOf(config, deps)), [
    record((finished) => reportFinished(lasting, finished), clock),
    rescue,
    deadline(config.partners.deadline, clock),
    admission(config.limits.inFlight),
  ]);
}
