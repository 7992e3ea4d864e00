import { wallTime } from "../app/clock.ts";
import { startGateway, type RunningGateway } from "../app/gateway.ts";
import type { Config } from "../config/schema.ts";
import { upstreamsOf } from "../config/upstream.ts";
import { addressProblem } from "./address.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAG, configOf } from "./config.ts";
import { setUpHeap } from "./v8-flags.ts";
import type { Io } from "./io.ts";
import { openRuntime, type ProcessRuntime } from "./process-runtime.ts";
import { openTracing } from "./outlets.ts";
import { replicaWarnings } from "./replicas.ts";

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
  ],
  async run(given, io) {
    setUpHeap();
    const config = configOf(given, io);
    const life = await openRuntime(config, io);
    const { log, flush, exit } = life;
    for (const { setting, message } of replicaWarnings(config, io)) log.warn({ setting }, message);
    // Before the "listening" line: a supervisor that waits for that line may send a signal at once.
    io.onStop(() => exit.told());
    // Nothing can be reloaded before the start. Without a listener SIGHUP would end the process.
    let running: RunningGateway | undefined;
    io.onReload(() => void running?.reload(() => configOf(given, io)).then(flush));
    running = await open(config, io, life).catch((error: unknown) => {
      io.fail(addressProblem(error, config));
      // An open connection to Redis would keep a process alive that never listens.
      exit.end(1);
      throw error;
    });
    const { port, adminPort } = running;
    const upstreams = Object.fromEntries(
      [...upstreamsOf(config)].map(([name, { targets }]) => [name, targets]),
    );
    log.info({ port, adminPort, upstreams }, "listening");
    flush();
    return new Promise(() => undefined);
  },
};

/** Starts the gateway, and has the end of the process drain it. */
async function open(config: Config, io: Io, { log, exit }: ProcessRuntime): Promise<RunningGateway> {
  const tracing = await openTracing(config, io, log);
  const { clock } = io;
  const gateway = await startGateway(config, { clock, wallTime, log, tracer: tracing?.tracer });
  exit.drain = async () => {
    await gateway.stop();
    await tracing?.stop();
  };
  return gateway;
}
