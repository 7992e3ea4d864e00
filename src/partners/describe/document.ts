import type { Config } from "../../config/schema.ts";
import {
  COUNT_HEADERS,
  FAILURE_HEADERS,
  type FailureCircumstances,
  errorTable,
  failureSchemas,
  failuresOf,
  withoutBody,
} from "./failures.ts";
import type { Json, JsonType } from "./json.ts";
import { parameters } from "./parameters.ts";
import { endComponents, livingVersions, paths } from "./paths.ts";
import { SCHEMAS } from "./schemas.ts";

const KINDS: readonly JsonType[] = ["list", "read", "create", "update", "delete"];

/**
 * The OpenAPI 3.1 description of what a configuration exposes at `now` (the time of day in milliseconds since 1970):
 * every route, parameter, header, error and limit of every version that is not past its sunset. Holds no secret: what
 * is read of the configuration is what a partner can find out by asking.
 */
export function describeApi(config: Config, now: number): Json {
  const versions = livingVersions(config, now);
  const circumstances = { isKeyed: true, isCounted: config.rate.enabled };
  return {
    openapi: "3.1.0",
    info: {
      title: "Partners API",
      version: versions.join(", "),
      description:
        "Every answer is JSON. Every failure is an envelope with a request id; `x-errors` lists all of them, with the " +
        "operations that can meet each. Unknown parameters are ignored, and one whose value makes no sense counts as absent.",
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    tags: [
      ...versions.map((name) => ({ name, description: `Version ${name}.` })),
      { name: "description", description: "What this API is." },
    ],
    paths: paths(config, now),
    components: {
      securitySchemes: {
        key: {
          type: "apiKey",
          in: "header",
          name: "Authorization",
          description: `\`${config.cms.users} API-Key <key>\`, exactly: case-sensitive, single spaces.`,
        },
      },
      headers: headers(config, now),
      parameters: parameters(config),
      responses: responses(circumstances),
      schemas: { ...SCHEMAS, ...failureSchemas(circumstances) },
    },
    "x-errors": errorTable(circumstances),
    "x-limits": limitsOf(config),
  };
}

/** A source of the document as text, made anew only when another version has been deprecated or has ended. */
export function describer(config: Config, wallTime: () => number): () => string {
  const ends = Object.values(config.partners.versionSettings)
    .flatMap(({ deprecation, sunset }) => [deprecation, sunset])
    .flatMap((date) => (date === undefined ? [] : [Date.parse(date)]));
  let made: { readonly passed: number; readonly text: string } | undefined;
  return () => {
    const now = wallTime();
    const passed = ends.filter((end) => end <= now).length;
    if (made?.passed !== passed) made = { passed, text: JSON.stringify(describeApi(config, now)) };
    return made.text;
  };
}

/** The failures of each kind of operation, and of the two that have a HEAD without their bodies. */
function responses(circumstances: FailureCircumstances): Json {
  const entries = KINDS.flatMap((kind) =>
    Object.entries(failuresOf(kind, circumstances)).flatMap(([status, response]): [string, Json][] => {
      const whole: [string, Json] = [`${kind}.${status}`, response];
      const isRead = kind === "list" || kind === "read";
      return isRead ? [whole, [`head.${kind}.${status}`, withoutBody(response)]] : [whole];
    }),
  );
  return Object.fromEntries(entries);
}

function headers(config: Config, now: number): Json {
  return {
    "X-Request-Id": {
      description: "The request's id, for the support.",
      required: true,
      schema: { type: "string", format: "uuid" },
    },
    "Cache-Control": { description: "Nobody keeps an answer.", required: true, schema: { type: "string" } },
    ...FAILURE_HEADERS,
    ...(config.rate.enabled ? COUNT_HEADERS : {}),
    ...endComponents(config, now),
  };
}

/** What partners may ask for at the most. Bytes, milliseconds, counts. */
function limitsOf({ limits, partners, rate }: Config): Json {
  return {
    bodyBytes: limits.body,
    pageSize: limits.page,
    depth: limits.depth,
    whereDepth: limits.whereDepth,
    whereConditions: limits.whereConditions,
    requestsAtOncePerKey: limits.inFlightPerKey,
    milliseconds: partners.deadline,
    ...(rate.enabled ? { rate: { reads: rate.reads, writes: rate.writes, milliseconds: rate.window } } : {}),
  };
}
