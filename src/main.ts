import { readFileSync } from "node:fs";

const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 24) {
  process.stderr.write(`partners-gateway needs Node.js 24 or newer; this is ${process.version}.\n`);
  process.exit(1);
}

if (process.argv[2] === "purge") {
  const { purgeCommand } = await import("./cli/purge.ts");
  const { text } = await import("node:stream/consumers");
  const print = (line: string) => void process.stdout.write(line);
  process.exit(
    await purgeCommand(process.argv.slice(3), {
      env: process.env,
      readInput: () => text(process.stdin),
      print,
    }),
  );
}

const { ConfigError, loadConfig } = await import("./config/load.ts");
const { createLog } = await import("./observe/log.ts");
const { startGateway } = await import("./compose.ts");
const { systemClock } = await import("./clock.ts");

try {
  const config = loadConfig({ env: process.env, readFile: (path) => readFileSync(path, "utf8") });
  const { log, flush } = createLog(config.log.level);
  process.on("exit", flush);
  setInterval(flush, 1_000).unref();
  const gateway = await startGateway(config, { clock: systemClock, log });
  log.info({ port: gateway.port, adminPort: gateway.adminPort, upstream: config.upstream.url }, "listening");
  flush();
  stopOnSignals(() => gateway.stop());
} catch (error) {
  const isKnown = error instanceof ConfigError || (error instanceof Error && "syscall" in error);
  process.stderr.write(`${isKnown ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}

/** The first SIGTERM or SIGINT drains, a second ends the process at once. */
function stopOnSignals(stop: () => Promise<void>): void {
  let isStopping = false;
  const onSignal = () => {
    if (isStopping) process.exit(1);
    isStopping = true;
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}
