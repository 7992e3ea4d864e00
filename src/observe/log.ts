import { writeSync } from "node:fs";
import { pino, type DestinationStream, type Logger } from "pino";
import { CATALOGUE, type ErrorCode } from "../core/errors.ts";
import type { Events, NativeRefusalEvent, RequestSample } from "./events.ts";
import { scrub, scrubAll } from "./scrub.ts";

/** The gateway's log. */
export type Log = Logger;

/** One line a request. Built from named members, so that a key, a header or a body has no way in. */
interface AccessEntry {
  readonly requestId: string;
  readonly method: string;
  readonly status: number;
  readonly ms: number;
  readonly code?: ErrorCode | undefined;
  readonly cause?: unknown;
  readonly [fact: string]: unknown;
}

/** A log at `level`. */
export function createLog(level: string, destination: DestinationStream): Log {
  return pino({ level, base: null, timestamp: createIsoTime() }, destination);
}

/** A log that is written nowhere. */
export function createSilentLog(): Log {
  return createLog("silent", { write: () => undefined });
}

/** pino's `isoTime`, whose text is made once a millisecond: under load there are ten lines in one. */
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

/** Says on standard error, the one place that is left, that lines are lost; where that is gone too, nobody can be told. */
export function complain(cause: unknown): void {
  const why = cause instanceof Error ? cause.message : String(cause);
  try {
    writeSync(2, `the log cannot be written, its lines are lost: ${why}\n`);
  } catch {
    // See above.
  }
}

/** Writes every request into `log`. */
export function logging(
  log: Log,
): Pick<Events, "request" | "refused" | "isolation" | "unreadable" | "withheld" | "observed"> {
  return {
    request: (sample) => logAccess(log, entryOf(sample)),
    refused: (refusal) => logAccess(log, entryOfRefusal(refusal)),
    isolation: (breach) => log.error(breach, "records outside the scope"),
    unreadable: (records) => log.warn(records, "records that the CMS cannot read"),
    // Ordinary before a CMS without access rules of its own, and in many answers: the metric and the page say how many.
    withheld: (values) =>
      log[values.action === "observed" ? "info" : "debug"](values, "values not provably of the tenant"),
    observed: (sighting) => log.info(sighting, "would be refused"),
  };
}

/** Every member by name, in a shape that is always the same: half the cost of putting objects together. */
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

function entryOfRefusal({ requestId, method, error }: NativeRefusalEvent): AccessEntry {
  const { code, cause } = error;
  const told = cause === undefined ? undefined : causeOf(cause);
  return { requestId, method, status: CATALOGUE[code].status, ms: 0, code, cause: told };
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Writes a request's line: a client's mistake is information, the CMS's failure a warning, our own an error. */
function logAccess(log: Log, entry: AccessEntry): void {
  const blame = entry.code === undefined ? "client" : CATALOGUE[entry.code].blame;
  const level = blame === "client" ? "info" : blame === "upstream" ? "warn" : "error";
  log[level](entry, "request");
}

/** A cause as the log may hold it: an error's name, code and message, its own causes below; plain data. Scrubbed. */
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
