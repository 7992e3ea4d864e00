import * as z from "zod";
import { patience, size } from "./units.ts";
import { count, httpUrl } from "./words.ts";

/** What an upstream is called; the section `upstream` is the one called `default`. */
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
    "For https targets, PEM files: {caFile: the authority to trust in place of the public ones, certFile and keyFile: our own certificate, servername: the name asked for and expected (SNI)}.",
  );

const settings = {
  url: httpUrl.optional().describe("Origin of the CMS. Required, unless targets are given."),
  targets: z
    .array(httpUrl)
    .default([])
    .describe(
      "Origins of several processes of the same CMS, e.g. [http://cms-1:3000, http://cms-2:3000]; together with url where both are given.",
    ),
  connections: count.default(64).describe("Connections to the CMS for partner traffic, at the most."),
  connectTimeout: patience.prefault("3s").describe("The longest that connecting may take."),
  firstByteTimeout: patience
    .prefault("15s")
    .describe("Partner traffic: the longest wait for the CMS's answer to begin."),
  idleTimeout: patience
    .prefault("10s")
    .describe("Partner traffic: the longest silence within the CMS's answer."),
  queue: count
    .default(256)
    .describe("Partner requests that may wait for a CMS connection, at the most; over it 503."),
  tenantShare: z.coerce
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe(
      "The part of the connections that one tenant may have, and that one user of any number of tenants may; further requests wait, in the same part of the queue, over that 429. 1 takes the limit away.",
    ),
  keyLookups: count
    .default(16)
    .describe(
      "Of the connections, those that asking about keys never seen as good may take, half of them at the most: a flood of unknown keys gets no more, and waits until no other request does.",
    ),
  breakerFailures: count
    .default(5)
    .describe("After so many failures in a row to get any answer, partners are told 503 at once."),
  breakerRetry: patience
    .prefault("1s")
    .describe("While that lasts, one request in this time is sent to see whether the CMS is back."),
  deadline: patience
    .prefault("20s")
    .describe(
      "Partner traffic: the longest that one request to the CMS may take in all; keep it below partners.deadline.",
    ),
  keepAlive: patience
    .prefault("4s")
    .describe("Idle CMS connections are closed after this; keep it below the CMS's own (Node: 5s)."),
  maxHeaderSize: size
    .prefault("64KiB")
    .describe("The largest head of an answer of the CMS; a larger one is a 502."),
  maxAnswer: size
    .prefault("16MiB")
    .describe("The largest answer of the CMS that is translated; a larger one is a 500."),
  healthInterval: patience
    .prefault("2s")
    .describe("With several targets: how often each is asked whether it works."),
  healthTimeout: patience
    .prefault("2s")
    .describe(
      "The longest that it may take to say so; after two failures in a row it gets no more requests.",
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
    .describe("The gateway's own API key there; cms.serviceKey is for the default upstream alone."),
});

/** Further CMSs by their names: the section `upstreams`. */
export const upstreams = z
  .record(upstreamName, named)
  .default({})
  .describe(
    "Further CMSs, for versions, tenants and native traffic to go to: each under a name of its own with the settings of the section upstream and its own serviceKey (the gateway's key there), e.g. old: {targets: [http://old-1:3000, http://old-2:3000]}.",
  );

type Settings = z.output<typeof named>;

/** One upstream as configured: its origins (at least one) and how to treat them. */
export type UpstreamSettings = Omit<Settings, "url" | "serviceKey"> & {
  readonly serviceKey: string | undefined;
};

/** Every upstream by its name, the default one first. */
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

/** The origins of one upstream, each once, in the one spelling that a URL has for it. */
export function targetsOf({ url, targets }: Pick<Settings, "url" | "targets">): string[] {
  const all = url === undefined ? targets : [url, ...targets];
  return [...new Set(all.map((each) => new URL(each).origin))];
}
