import { startGateway } from "../compose.ts";
import type { Clock } from "../core/clock.ts";
import { createLog } from "../observe/log.ts";
import { EXIT, type Command } from "./command.ts";
import { CONFIG_FLAG, configOf } from "./config.ts";
import type { Io } from "./io.ts";

/** `partners-gateway start`, and what `npm start` does. */
export const start: Command = {
  synopsis: "",
  about:
    "Runs the gateway until SIGTERM or SIGINT, which drains it; a second one ends it at once.\n" +
    "Settings come from the environment and from a YAML file.",
  flags: CONFIG_FLAG,
  examples: [
    "UPSTREAM_URL=http://cms.internal:3000 partners-gateway start",
    "partners-gateway start --config gateway.yaml",
  ],
  async run(given, io) {
    const config = configOf(given, io);
    const { log, flush } = createLog(config.log.level);
    const gateway = await startGateway(config, { clock: io.clock, log });
    const stopFlushing = flushEachSecond(flush, io.clock);
    // Before the line that says so: whoever waits for it may send a signal at once.
    const stopped = untilStopped(() => gateway.stop(), io);
    log.info(
      { port: gateway.port, adminPort: gateway.adminPort, upstream: config.upstream.url },
      "listening",
    );
    flush();
    const code = await stopped;
    stopFlushing();
    flush();
    io.exit(code);
    return code;
  },
};

/** The first signal stops, a second ends the process at once. */
function untilStopped(stop: () => Promise<void>, io: Io): Promise<number> {
  return new Promise((resolve) => {
    let isStopping = false;
    io.onStop(() => {
      if (isStopping) return io.exit(EXIT.failed);
      isStopping = true;
      stop().then(
        () => resolve(EXIT.ok),
        () => resolve(EXIT.failed),
      );
    });
  });
}

/** Lines are gathered before they are written; without this the last ones of a quiet hour stay in memory. */
function flushEachSecond(flush: () => void, clock: Clock): () => void {
  const again = (): void => {
    flush();
    cancel = clock.after(1_000, again);
  };
  let cancel = clock.after(1_000, again);
  return () => cancel();
}
