import { wallTime } from "../clock.ts";
import { startGateway, type RunningGateway } from "../compose.ts";
import { upstreamsOf } from "../config/upstream.ts";
import type { Clock } from "../core/clock.ts";
import { causeOf } from "../observe/log.ts";
import { addressProblem } from "./address.ts";
import type { Command } from "./command.ts";
import { CONFIG_FLAG, configOf } from "./config.ts";
import { Exit } from "./exit.ts";
import { openLog, openTracing } from "./outlets.ts";

/** `partners-gateway start`, and what `npm start` does. Ends the process itself; its promise stays open. */
export const start: Command = {
  synopsis: "",
  about:
    "Runs the gateway until SIGTERM or SIGINT, which drains it; a second one ends it at once. SIGHUP reads the\n" +
    "configuration again. Settings come from the environment and from a YAML file.",
  flags: CONFIG_FLAG,
  examples: [
    "UPSTREAM_URL=http://cms.internal:3000 partners-gateway start",
    "partners-gateway start --config gateway.yaml",
  ],
  async run(given, io) {
    const config = configOf(given, io);
    const { log, flush } = await openLog(config, io);
    const exit = new Exit(flush, io);
    process.on("exit", flush);
    flushEachSecond(flush, io.clock);
    // Before the line that says that it listens: whoever waits for it may send a signal at once.
    io.onStop(() => (exit.isLeaving ? exit.end(1) : exit.leave(0)));
    // Nobody knows what state such an error leaves behind: requests under way may finish, then a fresh process is
    // better. Node's own report of it would print the error as it is, with whatever its message quotes.
    const onFault = (kind: string) => (thrown: unknown) => {
      log.fatal({ cause: causeOf(thrown) }, kind);
      flush();
      exit.leave(1);
    };
    process.on("uncaughtException", onFault("uncaught exception"));
    process.on("unhandledRejection", onFault("unhandled rejection"));
    // Until it runs there is nothing to reload; without a listener the signal would end the process.
    let running: RunningGateway | undefined;
    io.onReload(() => void running?.reload(() => configOf(given, io)).then(flush));
    const tracing = await openTracing(config, io, log);
    const { clock } = io;
    const gateway = await startGateway(config, { clock, wallTime, log, tracer: tracing?.tracer }).catch(
      (error: unknown) => {
        io.fail(addressProblem(error, config));
        // What was already started (a connection to Redis) would keep a gateway alive that never listens.
        exit.end(1);
        throw error;
      },
    );
    exit.limit = config.server.drainDelay + config.server.drainTimeout;
    exit.drain = async () => {
      await gateway.stop();
      await tracing?.stop();
    };
    running = gateway;
    const { port, adminPort } = gateway;
    const upstreams = Object.fromEntries(
      [...upstreamsOf(config)].map(([name, { targets }]) => [name, targets]),
    );
    log.info({ port, adminPort, upstreams }, "listening");
    flush();
    return new Promise(() => undefined);
  },
};

/** Lines are gathered before they are written; without this the last ones of a quiet hour stay in memory. */
function flushEachSecond(flush: () => void, clock: Clock): void {
  const again = (): void => {
    flush();
    clock.after(1_000, again);
  };
  clock.after(1_000, again);
}
