import { stringify } from "yaml";
import { askRedis } from "../cache/ask.ts";
import { hasRedis } from "../cache/redis.ts";
import { createPayloadCms } from "../cms/payload/payload.ts";
import { ConfigError } from "../config/problem.ts";
import type { Config } from "../config/schema.ts";
import { DEFAULT_UPSTREAM, upstreamsOf, type UpstreamSettings } from "../config/upstream.ts";
import { configFor, connectTo } from "../app/upstream-context.ts";
import { CATALOGUE, GatewayError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import { FOREVER } from "../core/async/cancellation.ts";
import { Secret } from "../core/secret.ts";
import { scrub } from "../observe/scrub.ts";
import type { Target } from "../http/client/target.ts";
import { EXIT, type Command } from "./command.ts";
import { CONFIG_FLAG, configOf, redacted } from "./config.ts";
import { paint, type Io } from "./io.ts";
import { replicaWarnings } from "./replicas.ts";

/** `partners-gateway check`. */
export const check: Command = {
  synopsis: "",
  about:
    "Reads the configuration as start does and prints its problems, or the whole effective\n" +
    "configuration: durations in milliseconds, sizes in bytes, secrets left out.",
  flags: {
    ...CONFIG_FLAG,
    live: {
      type: "boolean",
      help: "also check that the CMS answers and knows cms.serviceKey, and that Redis accepts the gateway",
    },
    json: { type: "boolean", help: "print one JSON document" },
  },
  examples: [
    "UPSTREAM_URL=http://cms.internal:3000 partners-gateway check",
    "partners-gateway check --config gateway.yaml --live",
    "partners-gateway check --config gateway.yaml --json",
  ],
  async run(given, io) {
    const isJson = given.has("json");
    try {
      const config = configOf(given, io);
      const problems = given.has("live") ? await probeAll(config, io) : [];
      const warnings = replicaWarnings(config, io).map(({ setting, message }) => `${setting}: ${message}`);
      const isOk = problems.length === 0;
      if (isJson) io.out(JSON.stringify({ ok: isOk, problems, warnings, config: redacted(config) }));
      else {
        io.out(stringify(redacted(config)).trimEnd());
        for (const problem of problems) io.err(paint(io, "red", problem));
        for (const warning of warnings) io.err(paint(io, "yellow", warning));
        if (isOk) io.err(paint(io, "green", given.has("live") ? liveSuccess(config) : "No problems."));
      }
      return isOk ? EXIT.ok : EXIT.failed;
    } catch (error) {
      if (!(error instanceof ConfigError) || !isJson) throw error;
      io.out(JSON.stringify({ ok: false, problems: error.problems }));
      return EXIT.failed;
    }
  },
};

/** Probes the CMS and Redis and returns the problems. */
async function probeAll(config: Config, io: Io): Promise<string[]> {
  const [cms, redis] = await Promise.all([probeCms(config, io), askRedis(config.redis, io.clock)]);
  return redis === undefined ? cms : [...cms, redis];
}

function liveSuccess({ redis }: Config): string {
  return hasRedis(redis) ? "The CMS and Redis answer." : "The CMS answers.";
}

/** Probes the CMS of every upstream and returns the problems. */
async function probeCms(config: Config, io: Io): Promise<string[]> {
  const asked = [...upstreamsOf(config)].map(([name, settings]) =>
    probeUpstream(config, { name, settings }, io),
  );
  return (await Promise.all(asked)).flat();
}

async function probeUpstream(
  config: Config,
  { name, settings }: { readonly name: string; readonly settings: UpstreamSettings },
  io: Io,
): Promise<string[]> {
  const pool = connectTo(settings, io.clock);
  const own = configFor(config, settings);
  const asking = {
    requestId: "check",
    signal: FOREVER,
    note: { stage: "check", upstreamRequests: 0, upstreamMs: 0 },
  };
  const isDefault = name === DEFAULT_UPSTREAM;
  const ask = async (target: Target): Promise<string[]> => {
    try {
      const cms = createPayloadCms(own, pool.only(target));
      await cms.probe(asking);
      const { serviceKey } = settings;
      if (serviceKey === undefined) return [];
      const identity = await cms.identify(new Secret(serviceKey), asking);
      const setting = isDefault ? "cms.serviceKey (CMS_SERVICE_KEY)" : `upstreams.${name}.serviceKey`;
      return identity === undefined ? [`${setting}: the CMS knows no user with this key`] : [];
    } catch (error) {
      const code = error instanceof GatewayError ? error.code : String(error);
      const cause =
        error instanceof Error && error.cause !== undefined ? `: ${scrub(reason(error.cause))}` : "";
      const setting = isDefault ? "upstream.url" : `upstreams.${name}`;
      const advice = isRedirect(error)
        ? "; if it redirects to paths that end with a slash, set cms.trailingSlash"
        : isGateway(error)
          ? "; a gateway answers there, this one or another: requests would loop, so set the CMS's own address"
          : "";
      return [`${setting}: the CMS at ${target.origin} could not be probed (${code}${cause})${advice}`];
    }
  };
  try {
    return [...new Set((await Promise.all(pool.targets.map(ask))).flat())];
  } finally {
    await pool.close();
  }
}

/** True if the CMS, or a server in front of it, answered with a redirect. */
function isRedirect(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    isObject(cause) && typeof cause["status"] === "number" && cause["status"] >= 300 && cause["status"] < 400
  );
}

/** True if a gateway answered, which its error envelope shows. */
function isGateway(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const begins = isObject(cause) ? cause["begins"] : undefined;
  if (typeof begins !== "string") return false;
  return Object.values(CATALOGUE).some(({ error: word, message }) =>
    begins.startsWith(`{"error":${JSON.stringify(word)},"message":${JSON.stringify(message)},"requestId":`),
  );
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return JSON.stringify(cause);
  return cause.cause === undefined ? cause.message : reason(cause.cause);
}
