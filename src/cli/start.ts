import cluster from "node:cluster";
import { availableParallelism } from "node:os";
import { wallTime } from "../app/clock.ts";
import { startGateway, type RunningGateway } from "../app/gateway.ts";
import { workersOf } from "../config/part.ts";
import type { Config } from "../config/schema.ts";
import { upstreamsOf } from "../config/upstream.ts";
import { addressProblem } from "./address.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAG, configOf } from "./config.ts";
import { setUpHeap } from "./v8-flags.ts";
import type { Io } from "./io.ts";
import { openLife, type Life } from "./life.ts";
import { openTracing } from "./outlets.ts";

/**
 * `partners-gateway start`, which `npm start` runs. It ends the process itself, so its promise never
 * resolves.
 */
export const start: Command = {
  synopsis: "",
  about:
    "Runs the gateway until SIGTERM or SIGINT, which drains it; a second signal ends it at once. SIGHUP reloads the\n" +
    "configuration. Settings come from the environment and from a YAML file.",
  flags: CONFIG_FLAG,
  examples: [
    "UPSTREAM_URL=http://cms.internal:3000 partners-gateway start",
    "partners-gateway start --config gateway.yaml",
    "WORKERS=auto partners-gateway start --config gateway.yaml",
  ],
  async run(given, io) {
    setUpHeap();
    // The primary starts a worker with its own arguments and then sends it the configuration.
    if (cluster.isWorker) return (await import("./work.ts")).work(io);
    const config = configOf(given, io);
    const life = await openLife(config, io);
    const { log, flush, exit } = life;
    // Before the "listening" line: a supervisor that waits for that line may send a signal at once.
    io.onStop(() => exit.told());
    // Nothing can be reloaded before the start. Without a listener SIGHUP would end the process.
    let running: RunningGateway | undefined;
    io.onReload(() => void running?.reload(() => configOf(given, io)).then(flush));
    const workers = workersOf(config, availableParallelism());
    const starting =
      workers === 1 ? startAlone(config, io, life) : startSeveral({ config, workers }, io, life);
    running = await starting.catch((error: unknown) => {
      io.fail(addressProblem(error, config));
      // An open connection to Redis would keep a process alive that never listens.
      exit.end(1);
      throw error;
    });
    const { port, adminPort } = running;
    const upstreams = Object.fromEntries(
      [...upstreamsOf(config)].map(([name, { targets }]) => [name, targets]),
    );
    log.info({ port, adminPort, upstreams, ...(workers === 1 ? {} : { workers }) }, "listening");
    flush();
    return new Promise(() => undefined);
  },
};

/** Starts the gateway in this process. */
async function startAlone(config: Config, io: Io, { log, exit }: Life): Promise<RunningGateway> {
  const tracing = await openTracing(config, io, log);
  const { clock } = io;
  const gateway = await startGateway(config, { clock, wallTime, log, tracer: tracing?.tracer });
  exit.drain = async () => {
    await gateway.stop();
    await tracing?.stop();
  };
  return gateway;
}

/** The time that the primary waits longer than a worker for the end of a drain, in milliseconds. */
const FOR_WORKERS_MS = 1_000;

/** Starts the gateway in several workers, and the admin port in this process. */
async function startSeveral(
  { config, workers }: { readonly config: Config; readonly workers: number },
  { clock }: Io,
  { log, exit }: Life,
): Promise<RunningGateway> {
  const { startPrimary } = await import("../app/workers/primary.ts");
  const gateway = await startPrimary(config, { clock, wallTime, log, workers });
  exit.drain = () => gateway.stop();
  exit.hurry = () => gateway.hurry();
  // A worker that hangs is ended by its own `Exit` first.
  exit.limit += FOR_WORKERS_MS;
  return gateway;
}
