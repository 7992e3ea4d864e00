import { randomUUID } from "node:crypto";
import { createPayloadCms } from "../cms/payload/payload.ts";
import { wallTime } from "../app/clock.ts";
import { configFor, connectTo } from "../app/upstream-context.ts";
import { upstreamRoutesOf } from "../app/config-snapshot.ts";
import { openCache, openNamespaces, createCachedLookups } from "../app/cached-lookups.ts";
import { stagesOf } from "../app/stages.ts";
import type { Config } from "../config/schema.ts";
import { upstreamsOf } from "../config/upstream.ts";
import type { Clock } from "../core/clock.ts";
import type { Incoming } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";
import type { AnswerEvents } from "../core/foreign.ts";
import type { RawHeaders } from "../core/headers.ts";
import { CancellationSource } from "../core/async/cancellation.ts";
import type { RequestTarget } from "../core/path.ts";
import type { Upstream } from "../core/ports.ts";
import type { Stages } from "../partners/pipeline.ts";
import { createSilentLog } from "../observe/log.ts";
import { upstreamFor } from "../partners/stages/choose-upstream.ts";

/** A request that a command makes itself, in place of a client. */
export interface OwnRequest {
  readonly method: string;
  readonly headers: RawHeaders;
  readonly body: Buffer;
}

/** The settings of the stages. */
export interface StagesOptions {
  /** The upstream's configured name. */
  readonly name: string;
  readonly clock: Clock;
  /** Wraps the connections, to observe the requests to the CMS. */
  readonly through?: (upstream: Upstream) => Upstream;
  /** Receives events about the CMS's answers that are not provably in scope. */
  readonly tell?: AnswerEvents;
}

/**
 * Opens the gateway's own stages in front of one CMS, for a command that runs requests through them. `close`
 * ends the connections. Throws if a certificate cannot be read.
 */
export function openStages(config: Config, { name, clock, through, tell }: StagesOptions) {
  const settings = upstreamsOf(config).get(name);
  if (settings === undefined) throw new GatewayError("gateway.fault", { cause: `no upstream ${name}` });
  const pool = connectTo(settings, clock);
  const upstream = through?.(pool) ?? pool;
  const cms = createPayloadCms(configFor(config, settings), upstream, tell === undefined ? {} : { tell });
  const log = createSilentLog();
  // Without Redis: lookups cached by replicas would hide the requests to the CMS.
  const alone = { ...config, redis: { ...config.redis, url: undefined, sentinels: [], cluster: [] } };
  const cache = openCache(alone, { clock, wallTime, log });
  const rate = { counter: cache.counter(), onCounted: () => undefined };
  const hasServiceKey = settings.serviceKey !== undefined;
  const source = { name, cms, hasServiceKey, learntFrom: settings.targets };
  const lookups = createCachedLookups({ facts: openNamespaces(alone, cache) }, source);
  const homes = upstreamRoutesOf(config);
  const isHome = (version: string, slug: string) => upstreamFor(homes, version, slug) === name;
  const stages: Stages = stagesOf(config, { cms, upstream, lookups, wallTime, rate, isHome });
  return { stages, cms, close: () => pool.close() };
}

/** Returns the request in the form that the pipeline receives. */
export function incomingOf(request: OwnRequest, target: RequestTarget): Incoming {
  return {
    requestId: randomUUID(),
    method: request.method,
    httpVersion: "1.1",
    target,
    headers: request.headers,
    body: {
      read: (limit) =>
        request.body.length > limit
          ? Promise.reject(new GatewayError("body.too-large", { params: { limit } }))
          : Promise.resolve(request.body),
    },
    signal: new CancellationSource(),
    afterwards: (task) => task(),
    note: { stage: "receive", upstreamRequests: 0, upstreamMs: 0 },
  };
}
