import { createPayloadCms } from "../cms/payload/payload.ts";
import type { Config } from "../config/schema.ts";
import { createPipeline } from "../gateway/gateway.ts";
import { admission, deadline, inLayers, record, rescue, traced as traceRequests } from "../gateway/layers.ts";
import type { Ending, Load } from "../core/status.ts";
import type { Ways } from "../server/door.ts";
import { watchCms, type CmsState } from "../upstream/health.ts";
import { narrow } from "../upstream/narrow.ts";
import { createUpstream } from "../upstream/pool.ts";
import { traced as traceQuestions } from "../upstream/traced.ts";
import type { Lasting } from "./lasting.ts";
import { nativeOf } from "./native.ts";
import { remember } from "./remember.ts";
import { stagesOf } from "./stages.ts";
import { warnOfObserving } from "./watch.ts";

/** Everything that one configuration decides: connections to the CMS, its adapter, the pipeline, the native proxy. */
export interface Generation extends Ways {
  /** True from the first time that the CMS answered. */
  readonly ready: boolean;
  readonly cmsState: CmsState;
  readonly load: Load;
  /** When versions end. */
  readonly endings: Readonly<Record<string, Ending>>;
  /** Begins to ask how the CMS is, for as long as it is not well. */
  startProbing(): void;
  stopProbing(): void;
  /** Ends what is under way and closes every connection to the CMS. */
  close(): Promise<void>;
}

/** Builds a generation. Nothing is asked of the CMS before somebody does, or `startProbing`. */
export function createGeneration(config: Config, lasting: Lasting): Generation {
  const { clock, tell, cache, counter, tracer } = lasting;
  warnOfObserving(config, lasting.log);
  const pool = createUpstream({ ...config.upstream, clock });
  const health = watchCms(pool, clock);
  const upstream = tracer === undefined ? health.upstream : traceQuestions(health.upstream);
  const cms = createPayloadCms(config, upstream, {
    onForeign: (finding) => tell.isolation(finding),
    strangers: narrow(upstream, config.upstream.keyLookups),
  });
  const memory = remember(config, { cms, cache });
  const house = admission(config.limits.inFlight);
  const pipeline = createPipeline(
    stagesOf(config, {
      cms,
      upstream,
      memory,
      rate: { counter, onCounted: (bucket, outcome) => tell.counted(bucket, outcome) },
    }),
  );
  let stop: (() => void) | undefined;
  return {
    gateway: inLayers(pipeline, [
      ...(tracer === undefined ? [] : [traceRequests(tracer)]),
      record((finished) => tell.request(finished), clock),
      rescue,
      deadline(config.partners.deadline, clock),
      house.layer,
    ]),
    native: nativeOf(config, memory, tell),
    nativePrefixes: config.native.prefixes,
    refusesNativeKeys: config.native.keys === "refuse",
    bodyPause: config.limits.bodyPause,
    get ready() {
      return health.ready;
    },
    get cmsState() {
      return health.state;
    },
    get load() {
      return {
        inFlight: { now: house.inFlight, most: config.limits.inFlight },
        connections: { now: pool.load.taken, most: config.upstream.connections },
        waiting: { now: pool.load.waiting, most: config.upstream.queue },
        breakerOpen: pool.isOpen,
      };
    },
    endings: config.partners.versionDates,
    startProbing() {
      stop = health.keepProbing(cms);
    },
    stopProbing: () => stop?.(),
    close: () => pool.close(),
  };
}
