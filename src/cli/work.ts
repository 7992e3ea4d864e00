import { wallTime } from "../app/clock.ts";
import { WorkerProcess, type Ways } from "../app/workers/worker.ts";
import type { Failure } from "../app/workers/sides.ts";
import type { Config } from "../config/schema.ts";
import { addressProblem } from "./address.ts";
import type { Io } from "./io.ts";
import { openLife } from "./life.ts";
import { openTracing } from "./outlets.ts";

/**
 * Runs a worker: it gets its configuration from the primary, serves, and ends on request. Its promise never
 * resolves.
 */
export async function work(io: Io): Promise<number> {
  const self = new WorkerProcess({
    send: (message) => void process.send?.(message, undefined, {}, () => undefined),
    onMessage: (listener) => void process.on("message", listener),
  });
  // Until the worker runs, there is nothing to drain.
  const ways: Ways = { leave: () => io.exit(0), end: () => io.exit(1) };
  // A signal to the whole process group (Ctrl-C, a service manager) also reaches the primary, which sends the
  // same request. The repeated request is not a second signal. SIGHUP is handled by the primary alone.
  io.onStop(() => ways.leave());
  io.onReload(() => undefined);
  const { config, worker } = await self.begin(ways);
  const { log, exit } = await openLife(config, io, worker);
  const tracing = await openTracing(config, io, log);
  exit.drain = async () => {
    await self.stop();
    await tracing?.stop();
  };
  ways.leave = () => exit.leave(0);
  ways.end = () => exit.end(1);
  try {
    await self.serve(config, { clock: io.clock, wallTime, log, tracer: tracing?.tracer });
  } catch (error) {
    await self.primary.ask("failed", failureOf(error, config)).catch(() => undefined);
    exit.end(1);
  }
  return new Promise(() => undefined);
}

function failureOf(error: unknown, config: Config): Failure {
  const problem = addressProblem(error, config);
  if (!(problem instanceof Error)) return { name: "Error", message: String(problem), stack: undefined };
  const { name, message, stack } = problem;
  return { name, message, stack };
}
