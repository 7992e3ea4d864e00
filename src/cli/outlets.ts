import { readBuild } from "../app/build.ts";
import type { Config } from "../config/schema.ts";
import { targetsOf } from "../config/upstream.ts";
import { reportLostLines, createLog, type Log } from "../observe/log.ts";
import type { Tracing } from "../observe/tracing.ts";
import { LineWriter } from "../observe/writer.ts";
import type { Io } from "./io.ts";

/** A log, and functions that write its buffered lines. */
export interface OpenLog {
  readonly log: Log;
  /** Writes the buffered lines without waiting for a reader that stalls. */
  readonly flush: () => void;
  /** Does the same at the end of the process, and waits at most one second for such a reader. */
  readonly end: () => void;
}

/**
 * Opens the log in the format of the configuration and the terminal. For a pipe or a socket, Node made
 * standard output a non-blocking descriptor when `io` checked for a terminal.
 */
export async function openLog(config: Config, io: Io): Promise<OpenLog> {
  const { level, format } = config.log;
  const writer = new LineWriter({ fd: 1, clock: io.clock, onLost: reportLostLines });
  const ways = { flush: () => writer.flush(), end: () => writer.flushSync() };
  if (format === "json" || (format === "auto" && !io.colours))
    return { log: createLog(level, writer), ...ways };
  const { prettyDestination } = await import("../observe/pretty.ts");
  const out = io.colours ? io.out : (line: string) => writer.write(`${line}\n`);
  return { log: createLog(level, prettyDestination(out, io.colours)), ...ways };
}

/**
 * Starts tracing if `OTEL_EXPORTER_OTLP_ENDPOINT` is set; otherwise OpenTelemetry is not loaded.
 * OpenTelemetry itself reads the variables of the exporter (`OTEL_EXPORTER_OTLP_HEADERS`, ...) and of the
 * resource.
 */
export async function openTracing(config: Config, io: Io, log: Log): Promise<Tracing | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = "", OTEL_TRACES_SAMPLER_ARG: share = "1" } = io.env;
  if (endpoint === "") return undefined;
  if (!URL.canParse(endpoint)) {
    log.warn(
      { endpoint },
      "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL such as http://127.0.0.1:4318: no traces",
    );
    return undefined;
  }
  const ratio = Number(share);
  if (!(ratio >= 0 && ratio <= 1)) {
    log.warn({ share }, "OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1: no traces");
    return undefined;
  }
  const { startTracing } = await import("../observe/tracing.ts");
  const upstream = new URL(targetsOf(config.upstream)[0] ?? "");
  return startTracing({ endpoint, ratio, upstream, version: readBuild().version, clock: io.clock, log });
}
