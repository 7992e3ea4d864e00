import { writeSync } from "node:fs";
import { pino, type DestinationStream, type Logger } from "pino";
import { CATALOGUE, type ErrorCode } from "../core/errors.ts";
import type { Events, NativeRefusalEvent, RequestSample } from "./events.ts";
import { scrub, scrubAll } from "./scrub.ts";

/** The gateway's log. */
export type Log = Logger;

/** The line of a request. It is built from named members, so that it cannot hold a key, a header or a body. */
interface AccessEntry {
  readonly requestId: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
  readonly stage: string;
  readonly code?: ErrorCode | undefined;
  readonly cause?: unknown;
  readonly [fact: string]: unknown;
}

/** Creates a log at `level`. */
export function createLog(level: string, destination: DestinationStream): Log {
  return pino({ level, base: null, timestamp: createIsoTime() }, destination);
}

/** Creates a log that writes nothing. */
export function createSilentLog(): Log {
  return createLog("silent", { write: () => undefined });
}

/**
 * Returns pino's `isoTime`, formatted once per millisecond: under load there are ten lines in one
 * millisecond.
 */
function createIsoTime(): () => string {
  const { epochTime, isoTime } = pino.stdTimeFunctions;
  let last = "";
  let text = "";
  return () => {
    const now = epochTime();
    if (now !== last) text = isoTime();
    last = now;
    return text;
  };
}

/** Reports lost lines on standard error. If that fails too, there is no other place to report it. */
export function reportLostLines(cause: unknown): void {
  const why = cause instanceof Error ? cause.message : String(cause);
  try {
    writeSync(2, `the log cannot be written, its lines are lost: ${why}\n`);
  } catch {
    // Nothing is left to do.
  }
}

/** Writes every request to `log`. */
export function createLogListener(
  log: Log,
): Pick<Events, "request" | "refused" | "isolation" | "unreadable" | "withheld" | "observed"> {
  return {
    request: (sample) => logAccess(log, entryOf(sample)),
    refused: (refusal) => logAccess(log, entryOfRefusal(refusal)),
    isolation: (breach) => log.error(breach, "records outside the scope"),
    unreadable: (records) => log.warn(records, "records that the CMS cannot read"),
    // Frequent with a CMS that has no access rules of its own; the metric and the status page have the
    // counts.
    withheld: (values) =>
      log[values.action === "observed" ? "info" : "debug"](values, "values not provably of the tenant"),
    observed: (sighting) => log.info(sighting, "would be refused"),
  };
}

/**
 * Builds the entry with every member in the same order. A constant shape halves the cost of building the
 * object.
 */
function entryOf({ requestId, method, status, ms, note }: RequestSample): AccessEntry {
  return {
    requestId,
    method,
    status,
    ms: rounded(ms),
    stage: note.stage,
    clientRequestId: note.clientRequestId,
    traceId: note.traceId,
    userId: note.userId,
    keyVia: note.keyVia,
    version: note.version,
    versionState: note.versionState,
    upstream: note.upstream,
    tenant: note.tenant,
    tenantVia: note.tenantVia,
    operation: note.operation,
    collection: note.collection,
    upstreamRequests: note.upstreamRequests,
    upstreamMs: rounded(note.upstreamMs),
    upstreamStatus: note.upstreamStatus,
    sharedWith: note.sharedWith,
    code: note.code,
    cause: note.cause === undefined ? undefined : causeOf(note.cause),
  };
}

function entryOfRefusal({ requestId, method, stage, error }: NativeRefusalEvent): AccessEntry {
  const { code, cause } = error;
  const told = cause === undefined ? undefined : causeOf(cause);
  return { requestId, method, status: CATALOGUE[code].status, ms: 0, stage, code, cause: told };
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/**
 * Writes a request's line: `info` for a client's error, `warn` for the CMS's, `error` for the gateway's own.
 */
function logAccess(log: Log, entry: AccessEntry): void {
  const blame = entry.code === undefined ? "client" : CATALOGUE[entry.code].blame;
  const level = blame === "client" ? "info" : blame === "upstream" ? "warn" : "error";
  log[level](entry, "request");
}

/** Converts a cause to scrubbed plain data: an error's name, code and message, and its own causes below. */
export function causeOf(cause: unknown, depth = 0): unknown {
  if (!(cause instanceof Error)) return scrubAll(cause);
  const code = "code" in cause ? cause.code : undefined;
  const inner = cause.cause === undefined || depth > 3 ? {} : { cause: causeOf(cause.cause, depth + 1) };
  const stack =
    cause.name === "GatewayError" || code !== undefined ? {} : { stack: scrub(cause.stack ?? "") };
  return {
    name: cause.name,
    message: scrub(cause.message),
    ...(code === undefined ? {} : { code }),
    ...stack,
    ...inner,
  };
}
