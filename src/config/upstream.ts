import * as z from "zod";
import { positiveDuration, size } from "./units.ts";
import { count, httpUrl } from "./words.ts";

/** The name of an upstream; the section `upstream` is named `default`. */
export const upstreamName = z.string().regex(/^[a-z][a-z0-9-]*$/, {
  error: "expected an upstream's name such as old: lower-case letters, digits and -",
});

/** The name of the upstream that the section `upstream` describes. */
export const DEFAULT_UPSTREAM = "default";

const tls = z
  .strictObject({
    caFile: z.string().min(1).optional(),
    certFile: z.string().min(1).optional(),
    keyFile: z.string().min(1).optional(),
    servername: z.string().min(1).optional(),
  })
  .default({})
  .describe(
    "TLS to https targets, with PEM files. caFile is the CA to trust in place of the public ones. certFile and keyFile are the client certificate. servername is the name for SNI and for the check of the certificate. For example {caFile: /run/ca.pem, servername: cms.internal}.",
  );

const settings = {
  url: httpUrl
    .optional()
    .describe("The origin of the CMS, e.g. http://cms.internal:3000. Required, unless targets are set."),
  targets: z
    .array(httpUrl)
    .default([])
    .describe(
      "The origins of several processes of the same CMS, in addition to url, e.g. [http://cms-1:3000, http://cms-2:3000].",
    ),
  connections: count
    .default(64)
    .describe("The largest number of connections to the CMS for partner requests."),
  connectTimeout: positiveDuration.prefault("3s").describe("The timeout of a connection attempt to the CMS."),
  firstByteTimeout: positiveDuration
    .prefault("15s")
    .describe("Partner requests: the longest wait for the first byte of the CMS's answer."),
  idleTimeout: positiveDuration
    .prefault("10s")
    .describe("Partner requests: the longest pause between two parts of the CMS's answer."),
  queue: count
    .default(256)
    .describe(
      "The largest number of partner requests that wait for a connection to the CMS; over it, the answer is 503.",
    ),
  tenantShare: z.coerce
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe(
      "The share of the connections that one tenant, or one user, may use at a time. Further requests wait in the same share of the queue; over that, the answer is 429. For example 0.25; 1 removes the limit.",
    ),
  keyLookups: count
    .default(16)
    .describe(
      "The largest number of connections for lookups of unknown keys, at most half of all connections. Such a lookup gets a connection only if no other request waits for one.",
    ),
  breakerFailures: count
    .default(5)
    .describe(
      "The number of consecutive requests without any answer after which the circuit breaker opens; while it is open, partners get 503 at once.",
    ),
  breakerRetry: positiveDuration
    .prefault("1s")
    .describe("The interval at which an open circuit breaker lets one request through as a trial."),
  deadline: positiveDuration
    .prefault("20s")
    .describe(
      "Partner requests: the timeout of one request to the CMS in all. Keep it below partners.deadline.",
    ),
  keepAlive: positiveDuration
    .prefault("4s")
    .describe(
      "How long an idle connection to the CMS stays open. Keep it below the CMS's own timeout (Node: 5s).",
    ),
  maxHeaderSize: size
    .prefault("64KiB")
    .describe("The largest header section of a CMS answer; a larger one becomes a 502."),
  maxAnswer: size
    .prefault("16MiB")
    .describe("The largest CMS answer to a partner request; a larger one becomes a 500."),
  healthInterval: positiveDuration
    .prefault("2s")
    .describe("With several targets: the interval of health checks of each target."),
  healthTimeout: positiveDuration
    .prefault("2s")
    .describe(
      "With several targets: the timeout of a health check. After two consecutive failures a target gets no requests.",
    ),
  tls,
};

/** A CMS and the connections to it. */
export const upstream = z.strictObject(settings);

const named = z.strictObject({
  ...settings,
  serviceKey: z
    .string()
    .min(1)
    .optional()
    .describe("The gateway's own API key at this CMS; cms.serviceKey applies to the default upstream only."),
});

/** Further CMSs by name: the section `upstreams`. */
export const upstreams = z
  .record(upstreamName, named)
  .default({})
  .describe(
    "Further CMSs for versions, tenants and native traffic. Each has a name, the settings of the section upstream and its own serviceKey (the gateway's API key at this CMS), e.g. old: {targets: [http://old-1:3000, http://old-2:3000]}.",
  );

type Settings = z.output<typeof named>;

/** The settings of one upstream; it has at least one origin. */
export type UpstreamSettings = Omit<Settings, "url" | "serviceKey"> & {
  readonly serviceKey: string | undefined;
};

/** Returns all upstreams by name, the default one first. */
export function upstreamsOf(config: {
  readonly upstream: z.output<typeof upstream>;
  readonly upstreams: z.output<typeof upstreams>;
  readonly cms: { readonly serviceKey?: string | undefined };
}): ReadonlyMap<string, UpstreamSettings> {
  const all: Record<string, Settings> = {
    [DEFAULT_UPSTREAM]: { ...config.upstream, serviceKey: config.cms.serviceKey },
    ...config.upstreams,
  };
  return new Map(
    Object.entries(all).map(([name, { url, targets, serviceKey, ...rest }]) => [
      name,
      { ...rest, serviceKey, targets: targetsOf({ url, targets }) },
    ]),
  );
}

/** Returns the origins of one upstream, each once and in normalised form. */
export function targetsOf({ url, targets }: Pick<Settings, "url" | "targets">): string[] {
  const all = url === undefined ? targets : [url, ...targets];
  return [...new Set(all.map((each) => new URL(each).origin))];
}
