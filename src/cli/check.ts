import { stringify } from "yaml";
import { askRedis } from "../cache/ask.ts";
import { hasRedis } from "../cache/redis.ts";
import { createPayloadCms } from "../cms/payload/payload.ts";
import { ConfigError } from "../config/problem.ts";
import type { Config } from "../config/schema.ts";
import { GatewayError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { createUpstream } from "../upstream/pool.ts";
import { EXIT, type Command } from "./command.ts";
import { CONFIG_FLAG, configOf, redacted } from "./config.ts";
import { paint, type Io } from "./io.ts";

/** `partners-gateway check`. */
export const check: Command = {
  synopsis: "",
  about:
    "Reads the configuration as start would and prints every problem of it, or the whole effective\n" +
    "configuration: durations in milliseconds, sizes in bytes, secrets left out.",
  flags: {
    ...CONFIG_FLAG,
    live: {
      type: "boolean",
      help: "also ask the CMS whether it answers and knows cms.serviceKey, and Redis whether it lets us in",
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
      const problems = given.has("live") ? await askAround(config, io) : [];
      const isOk = problems.length === 0;
      if (isJson) io.out(JSON.stringify({ ok: isOk, problems, config: redacted(config) }));
      else {
        io.out(stringify(redacted(config)).trimEnd());
        for (const problem of problems) io.err(paint(io, "red", problem));
        if (isOk) io.err(paint(io, "green", given.has("live") ? livePraise(config) : "No problems."));
      }
      return isOk ? EXIT.ok : EXIT.failed;
    } catch (error) {
      if (!(error instanceof ConfigError) || !isJson) throw error;
      io.out(JSON.stringify({ ok: false, problems: error.problems }));
      return EXIT.failed;
    }
  },
};

/** What the CMS and Redis have to say, as problems. */
async function askAround(config: Config, io: Io): Promise<string[]> {
  const [cms, redis] = await Promise.all([askCms(config, io), askRedis(config.redis, io.clock)]);
  return redis === undefined ? cms : [...cms, redis];
}

function livePraise({ redis }: Config): string {
  return hasRedis(redis) ? "The CMS and Redis answer." : "The CMS answers.";
}

/** What the CMS has to say, as problems. */
async function askCms(config: Config, io: Io): Promise<string[]> {
  const pool = createUpstream({ ...config.upstream, clock: io.clock });
  const cms = createPayloadCms(config, pool);
  const asking = {
    requestId: "check",
    signal: new AbortController().signal,
    note: { stage: "check", upstreamRequests: 0, upstreamMs: 0 },
  };
  try {
    await cms.probe(asking);
    const { serviceKey } = config.cms;
    if (serviceKey === undefined) return [];
    const identity = await cms.identify(new Secret(serviceKey), asking);
    return identity === undefined
      ? ["cms.serviceKey (CMS_SERVICE_KEY): the CMS says it is nobody's key"]
      : [];
  } catch (error) {
    const code = error instanceof GatewayError ? error.code : String(error);
    const cause = error instanceof Error && error.cause !== undefined ? `: ${reason(error.cause)}` : "";
    return [`upstream.url: the CMS at ${config.upstream.url} could not be asked (${code}${cause})`];
  } finally {
    await pool.close();
  }
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return JSON.stringify(cause);
  return cause.cause === undefined ? cause.message : reason(cause.cause);
}
