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
import type { Json, OperationKind } from "./json.ts";
import { parameters } from "./parameters.ts";
import { endComponents, currentVersions, paths } from "./paths.ts";
import { SCHEMAS } from "./schemas.ts";

const KINDS: readonly OperationKind[] = ["list", "read", "create", "update", "delete"];

/**
 * Builds the OpenAPI 3.1 description of the exposed API at `now` (milliseconds since 1970): every route,
 * parameter, header, error and limit of every version before its sunset. It holds no secret: it uses only
 * settings that a partner can find out by sending requests.
 */
export function describeApi(config: Config, now: number): Json {
  const versions = currentVersions(config, now);
  const circumstances = { isKeyed: true, isCounted: config.rate.enabled };
  return {
    openapi: "3.1.0",
    info: {
      title: "Partners API",
      version: versions.join(", "),
      description:
        "Every answer is JSON. Every failure is an envelope with a request id; `x-errors` lists all failures, with the " +
        "operations that can return each. Unknown parameters are ignored. A parameter with an invalid value counts as absent.",
    },
    servers: [{ url: "/" }],
    security: [{ key: [] }],
    tags: [
      ...versions.map((name) => ({ name, description: `Version ${name}.` })),
      { name: "description", description: "The description of this API." },
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

/**
 * Returns a source of the document as text. The text is rebuilt only after another version was deprecated or
 * has ended.
 */
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

/**
 * Builds the failure responses of each kind of operation. Lists and reads also have HEAD responses without
 * bodies.
 */
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
      description: "The request's id. Include it in support requests.",
      required: true,
      schema: { type: "string", format: "uuid" },
    },
    "Cache-Control": {
      description: "No cache may store an answer.",
      required: true,
      schema: { type: "string" },
    },
    ...FAILURE_HEADERS,
    ...(config.rate.enabled ? COUNT_HEADERS : {}),
    ...endComponents(config, now),
  };
}

/** Returns the limits for partners, in bytes, milliseconds and counts. */
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
