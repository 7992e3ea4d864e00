import type { Config } from "../config/schema.ts";
import { DEFAULT_UPSTREAM, upstreamsOf } from "../config/upstream.ts";
import { InFlight } from "../core/async/in-flight.ts";
import { scheduleEndOfTick } from "../core/async/end-of-tick.ts";
import { routeToUpstream } from "../partners/route-to-upstream.ts";
import { createPipeline, type Handler } from "../partners/pipeline.ts";
import {
  admission,
  deadline,
  inLayers,
  record,
  rescue,
  withServerSpans,
  type RequestReport,
} from "../partners/layers.ts";
import type { Counter, RateBucket, RateOutcome } from "../core/rate.ts";
import type { VersionEnd, Load, PartState, TargetStanding } from "../core/status.ts";
import { causeOf } from "../observe/log.ts";
import type { Routes } from "../server/request-router.ts";
import {
  createChooseUpstream,
  upstreamFor,
  type UpstreamRoutes,
} from "../partners/stages/choose-upstream.ts";
import { createUpstreamContext, type UpstreamContext } from "./upstream-context.ts";
import type { ProcessServices } from "./process-services.ts";
import { nativeOf } from "./native.ts";
import { stagesOf } from "./stages.ts";
import { warnOfObserveMode } from "./observe-mode.ts";

/** Everything that one configuration decides: the CMSs with the connections to them, the pipelines, the native proxy. */
export interface ConfigSnapshot extends Routes {
  readonly facilities: ReadonlyMap<string, UpstreamContext>;
  /** True from the first time that a CMS answered. */
  readonly ready: boolean;
  /** How each CMS is, as `/readyz` names them. */
  parts(): Record<string, PartState>;
  readonly load: Load;
  /** When versions end. */
  readonly endings: Readonly<Record<string, VersionEnd>>;
  /** Every target, as the metrics have it. */
  targets(): readonly TargetStanding[];
  /** Asks every target once how it is. */
  look(): Promise<void>;
  /** Goes on asking, until `stopLooking`. */
  keepLooking(): void;
  stopLooking(): void;
  /**
   * When nothing new comes to it any more: waits for what is under way to end, closes WebSockets after `patience` ms,
   * then every connection.
   */
  retire(patience: number): Promise<void>;
  /** Ends what is under way and closes every connection to the CMSs. */
  close(): Promise<void>;
}

/** Builds a generation. Nothing is asked of a CMS before somebody does. Throws where a certificate cannot be read. */
export function createConfigSnapshot(config: Config, lasting: ProcessServices): ConfigSnapshot {
  warnOfObserveMode(config, lasting.log);
  const facilities = openAll(config, lasting);
  const all = [...facilities.values()];
  const underWay = new InFlight();
  const house = admission({ max: config.limits.inFlight, maxUnsent: config.limits.unsent });
  const gateway = inLayers(pipelineOf(config, facilities, lasting), [
    ...(lasting.tracer === undefined ? [] : [withServerSpans(lasting.tracer)]),
    record(reportAtEndOfTick(lasting), lasting.clock),
    rescue,
    deadline(config.partners.deadline, lasting.clock),
    house.layer,
  ]);
  const native = nativeOf(config, facilities, lasting);
  let stops: readonly (() => void)[] = [];
  const stopLooking = (): void => {
    for (const stop of stops) stop();
  };
  const close = async (): Promise<void> => {
    await Promise.all(all.map(({ pool }) => pool.close()));
  };
  return {
    facilities,
    gateway: (request) => underWay.during(() => gateway(request)),
    native,
    nativePrefixes: config.native.prefixes,
    refusesNativeKeys: config.native.keys === "refuse",
    bodyPause: config.limits.bodyPause,
    get ready() {
      return all.some(({ health }) => health.ready);
    },
    parts: () =>
      Object.fromEntries(
        all.map(({ name, pool }) => [name === DEFAULT_UPSTREAM ? "cms" : `cms.${name}`, pool.state]),
      ),
    get load() {
      return loadOf(all, { now: house.inFlight, most: config.limits.inFlight });
    },
    endings: endingsOf(config),
    targets: () => all.flatMap((facility) => samplesOf(facility)),
    async look() {
      await Promise.all(all.map(({ health }) => health.look()));
    },
    keepLooking() {
      stops = all.map(({ health }) => health.keepLooking());
    },
    stopLooking,
    async retire(patience) {
      stopLooking();
      await Promise.all([underWay.idle(), native.close(patience)]);
      // Lookups outlast the request that began them: others, of later generations too, may wait for the same.
      await Promise.all(all.map(({ memory, pool }) => memory.idle().then(() => pool.idle())));
      await close();
    },
    close,
  };
}

/** Tells of requests once their answers are out: no client waits for the log. Where that fails the log is told so. */
export function reportAtEndOfTick({
  tell,
  log,
}: Pick<ProcessServices, "tell" | "log">): (finished: RequestReport) => void {
  return (finished) => {
    scheduleEndOfTick("report", () => {
      try {
        tell.request(finished);
      } catch (thrown) {
        log.error({ cause: causeOf(thrown) }, "a request could not be reported");
      }
    });
  };
}

/** When versions end, and nothing else that they have of their own. */
function endingsOf({ partners }: Config): Readonly<Record<string, VersionEnd>> {
  return Object.fromEntries(
    Object.entries(partners.versionSettings).map(([name, { deprecation, sunset }]) => [
      name,
      { deprecation, sunset },
    ]),
  );
}

function openAll(config: Config, lasting: ProcessServices): ReadonlyMap<string, UpstreamContext> {
  const all = [...upstreamsOf(config)].map(([name, settings]): [string, UpstreamContext] => [
    name,
    createUpstreamContext(config, { name, settings }, lasting),
  ]);
  return new Map(all);
}

/** A pipeline for each CMS, as one. */
function pipelineOf(
  config: Config,
  facilities: ConfigSnapshot["facilities"],
  { counter, tell, wallTime }: ProcessServices,
): Handler {
  const homes = upstreamRoutesOf(config);
  const pipelines = new Map(
    [...facilities].map(([name, { cms, upstream, reads, memory }]): [string, Handler] => {
      const isHome = (version: string, slug: string) => upstreamFor(homes, version, slug) === name;
      const rate = {
        // The same user id is somebody else in another CMS.
        counter: name === DEFAULT_UPSTREAM ? counter : within(name, counter),
        onCounted: (bucket: RateBucket, outcome: RateOutcome) => tell.counted(bucket, outcome),
      };
      const stages = stagesOf(config, { cms, upstream, reads, memory, wallTime, rate, isHome });
      return [name, createPipeline(stages)];
    }),
  );
  return routeToUpstream(createChooseUpstream(homes), pipelines);
}

function within(upstream: string, counter: Counter): Counter {
  return { count: (key, rate) => counter.count(`${upstream}/${key}`, rate) };
}

/** What is under way at all CMSs together. */
function loadOf(all: readonly UpstreamContext[], inFlight: Load["inFlight"]): Load {
  const sum = (of: (facility: UpstreamContext) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  return {
    inFlight,
    connections: {
      now: sum(({ pool }) => pool.load.taken),
      most: sum(({ settings }) => settings.connections),
    },
    waiting: { now: sum(({ pool }) => pool.load.waiting), most: sum(({ settings }) => settings.queue) },
    breakerOpen: all.some(({ pool }) => pool.state === "down"),
  };
}

/** Which CMS serves which version and tenant. */
export function upstreamRoutesOf({ partners }: Config): UpstreamRoutes {
  return {
    fallback: DEFAULT_UPSTREAM,
    versions: new Map(Object.entries(partners.versionUpstreams)),
    tenants: new Map(Object.entries(partners.tenantUpstreams)),
    slugHeader: partners.tenantSlugHeader,
  };
}

function samplesOf({ name: upstream, pool }: UpstreamContext): TargetStanding[] {
  return pool.targets.map(({ origin: target, state, pending: requests }) => ({
    upstream,
    target,
    state,
    requests,
  }));
}
