import type { Config } from "../config/schema.ts";
import { DEFAULT_UPSTREAM, upstreamsOf } from "../config/upstream.ts";
import { InFlight } from "../core/async/in-flight.ts";
import { scheduleEndOfTick } from "../core/async/end-of-tick.ts";
import { routeToUpstream } from "../partners/route-to-upstream.ts";
import { createPipeline, type Handler } from "../partners/pipeline.ts";
import {
  admission,
  deadline,
  withLayers,
  reportRequests,
  renderErrors,
  withServerSpans,
  type RequestReport,
} from "../partners/layers.ts";
import type { Counter, RateBucket, RateOutcome } from "../core/rate.ts";
import type { VersionDates, Load, PartState, TargetState } from "../core/status.ts";
import { causeOf, type Log } from "../observe/log.ts";
import type { Routes } from "../server/request-router.ts";
import {
  createChooseUpstream,
  upstreamFor,
  type UpstreamRoutes,
} from "../partners/stages/choose-upstream.ts";
import { createUpstreamContext, type UpstreamContext } from "./upstream-context.ts";
import type { ProcessServices } from "./process-services.ts";
import { createNative } from "./native.ts";
import { stagesOf } from "./stages.ts";

/** Everything that one configuration decides: the CMSs with the connections to them, the pipelines, the native proxy. */
export interface ConfigSnapshot extends Routes {
  readonly upstreams: ReadonlyMap<string, UpstreamContext>;
  /** True from the first answer of a CMS. */
  readonly ready: boolean;
  /** The state of each CMS, by its name in `/readyz`. */
  parts(): Record<string, PartState>;
  readonly load: Load;
  /** The dates on which versions end. */
  readonly endings: Readonly<Record<string, VersionDates>>;
  /** Every target, for the metrics. */
  targets(): readonly TargetState[];
  /** Probes every target once. */
  probe(): Promise<void>;
  /** Probes every target at intervals, until `stopProbing`. */
  startProbing(): void;
  stopProbing(): void;
  /**
   * To be called when no new request uses it: waits for what is under way, closes WebSockets after `timeout` ms, then
   * every connection.
   */
  retire(timeout: number): Promise<void>;
  /** Aborts what is under way and closes every connection to the CMSs. */
  close(): Promise<void>;
}

/** Builds a snapshot. It sends nothing to a CMS before it is used or probed. Throws if a certificate cannot be read. */
export function createConfigSnapshot(config: Config, services: ProcessServices): ConfigSnapshot {
  warnOfObserveMode(config, services.log);
  const upstreams = openUpstreams(config, services);
  const all = [...upstreams.values()];
  const underWay = new InFlight();
  const limit = admission({ max: config.limits.inFlight, maxUnsent: config.limits.unsent });
  const gateway = withLayers(pipelineOf(config, upstreams, services), [
    ...(services.tracer === undefined ? [] : [withServerSpans(services.tracer)]),
    reportRequests(reportAtEndOfTick(services), services.clock),
    renderErrors,
    deadline(config.partners.deadline, services.clock),
    limit.layer,
  ]);
  const native = createNative(config, upstreams, services);
  let stops: readonly (() => void)[] = [];
  const stopProbing = (): void => {
    for (const stop of stops) stop();
  };
  const close = async (): Promise<void> => {
    await Promise.all(all.map(({ pool }) => pool.close()));
  };
  return {
    upstreams,
    gateway: (request) => underWay.during(() => gateway(request)),
    native,
    nativePrefixes: config.native.prefixes,
    refusesNativeKeys: config.native.keys === "refuse",
    bodyPause: config.limits.bodyPause,
    get ready() {
      return all.some(({ health }) => health.ready);
    },
    parts: () => partsOf(all),
    get load() {
      return loadOf(all, { now: limit.inFlight, most: config.limits.inFlight });
    },
    endings: endingsOf(config),
    targets: () => all.flatMap((upstream) => targetsOf(upstream)),
    async probe() {
      await Promise.all(all.map(({ health }) => health.look()));
    },
    startProbing() {
      stops = all.map(({ health }) => health.keepLooking());
    },
    stopProbing,
    async retire(timeout) {
      stopProbing();
      await Promise.all([underWay.idle(), native.close(timeout)]);
      // A lookup outlasts the request that began it: requests of later snapshots may wait for the same one.
      await Promise.all(all.map(({ lookups, pool }) => lookups.idle().then(() => pool.idle())));
      await close();
    },
    close,
  };
}

/** Logs one line at every start and reload for each protection that is switched off. */
function warnOfObserveMode({ native, partners }: Config, log: Log): void {
  const { keys, targets } = native;
  const { tripwire } = partners;
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

/** Reports requests after their answers are written: no client waits for the log. The log names a report that fails. */
export function reportAtEndOfTick({
  events,
  log,
}: Pick<ProcessServices, "events" | "log">): (finished: RequestReport) => void {
  return (finished) => {
    scheduleEndOfTick("report", () => {
      try {
        events.request(finished);
      } catch (thrown) {
        log.error({ cause: causeOf(thrown) }, "a request could not be reported");
      }
    });
  };
}

/** The dates on which versions end, without their other settings. */
function endingsOf({ partners }: Config): Readonly<Record<string, VersionDates>> {
  return Object.fromEntries(
    Object.entries(partners.versionSettings).map(([name, { deprecation, sunset }]) => [
      name,
      { deprecation, sunset },
    ]),
  );
}

function openUpstreams(config: Config, services: ProcessServices): ReadonlyMap<string, UpstreamContext> {
  const all = [...upstreamsOf(config)].map(([name, settings]): [string, UpstreamContext] => [
    name,
    createUpstreamContext(config, { name, settings }, services),
  ]);
  return new Map(all);
}

/** A pipeline for each CMS, as one. */
function pipelineOf(
  config: Config,
  upstreams: ConfigSnapshot["upstreams"],
  { counter, events, wallTime }: ProcessServices,
): Handler {
  const routes = upstreamRoutesOf(config);
  const pipelines = new Map(
    [...upstreams].map(([name, { cms, sender, reads, lookups }]): [string, Handler] => {
      const isHome = (version: string, slug: string) => upstreamFor(routes, version, slug) === name;
      const rate = {
        // The same user id is another user in another CMS.
        counter: name === DEFAULT_UPSTREAM ? counter : within(name, counter),
        onCounted: (bucket: RateBucket, outcome: RateOutcome) => events.counted(bucket, outcome),
      };
      const stages = stagesOf(config, { cms, upstream: sender, reads, lookups, wallTime, rate, isHome });
      return [name, createPipeline(stages)];
    }),
  );
  return routeToUpstream(createChooseUpstream(routes), pipelines);
}

function within(upstream: string, counter: Counter): Counter {
  return { count: (key, rate) => counter.count(`${upstream}/${key}`, rate) };
}

function partsOf(all: readonly UpstreamContext[]): Record<string, PartState> {
  return Object.fromEntries(
    all.map(({ name, pool }) => [name === DEFAULT_UPSTREAM ? "cms" : `cms.${name}`, pool.state]),
  );
}

/** The load of all CMSs together. */
function loadOf(all: readonly UpstreamContext[], inFlight: Load["inFlight"]): Load {
  const sum = (of: (upstream: UpstreamContext) => number): number =>
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

/** The CMS that serves each version and tenant. */
export function upstreamRoutesOf({ partners }: Config): UpstreamRoutes {
  return {
    fallback: DEFAULT_UPSTREAM,
    versions: new Map(Object.entries(partners.versionUpstreams)),
    tenants: new Map(Object.entries(partners.tenantUpstreams)),
    slugHeader: partners.tenantSlugHeader,
  };
}

function targetsOf({ name: upstream, pool }: UpstreamContext): TargetState[] {
  return pool.targets.map(({ origin: target, state, pending: requests }) => ({
    upstream,
    target,
    state,
    requests,
  }));
}
