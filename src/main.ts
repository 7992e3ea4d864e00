import { readFileSync } from "node:fs";

const [major = 0] = process.versions.node.split(".").map(Number);
if (major < 24) {
  process.stderr.write(`partners-gateway needs Node.js 24 or newer; this is ${process.version}.\n`);
  process.exit(1);
}

if (process.argv[2] === "purge") {
  const { purgeCommand } = await import("./cli/purge.ts");
  const { text } = await import("node:stream/consumers");
  const surroundings = {
    env: process.env,
    readInput: () => text(process.stdin),
    print: (line: string) => void process.stdout.write(line),
  };
  process.exit(await purgeCommand(process.argv.slice(3), surroundings));
}

const { ConfigError, loadConfig } = await import("./config/load.ts");
const { createLog, causeOf } = await import("./observe/log.ts");
const { scrub } = await import("./observe/scrub.ts");
const { startGateway } = await import("./compose.ts");
const { systemClock } = await import("./clock.ts");

/** How much longer than its configured limits a drain may take before the process ends without it. */
const DRAIN_GRACE_MS = 5_000;

/** A way out of the process that can be entered from anywhere, once. */
class Exit {
  #code = 0;
  #isLeaving = false;
  readonly #flush: () => void;
  /** What to do before the end; nothing until the gateway runs. */
  drain: () => Promise<void> = () => Promise.resolve();
  limit = 0;

  constructor(flush: () => void) {
    this.#flush = flush;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /** Drains, then ends the process. A drain under way goes on; the worse code wins. */
  leave(code: number): void {
    this.#code = Math.max(this.#code, code);
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    // A drain that hangs would leave a process that serves nobody and that nobody replaces.
    setTimeout(() => this.end(1), this.limit + DRAIN_GRACE_MS).unref();
    this.drain().then(
      () => this.end(this.#code),
      () => this.end(1),
    );
  }

  end(code: number): void {
    try {
      this.#flush();
    } finally {
      process.exit(code);
    }
  }
}

try {
  const config = loadConfig({ env: process.env, readFile: (path) => readFileSync(path, "utf8") });
  const { log, flush } = createLog(config.log.level);
  const exit = new Exit(flush);
  process.on("exit", flush);
  setInterval(flush, 1_000).unref();
  // The first SIGTERM or SIGINT drains, a second ends the process at once.
  const onSignal = (): void => (exit.isLeaving ? exit.end(1) : exit.leave(0));
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  // Nobody knows what state such an error leaves behind: requests under way may finish, then a fresh process is better.
  // Node's own report of it would print the error as it is, with whatever its message quotes.
  const onFault = (kind: string) => (thrown: unknown) => {
    log.fatal({ cause: causeOf(thrown) }, kind);
    flush();
    exit.leave(1);
  };
  process.on("uncaughtException", onFault("uncaught exception"));
  process.on("unhandledRejection", onFault("unhandled rejection"));
  const gateway = await startGateway(config, { clock: systemClock, log });
  exit.limit = config.server.drainDelay + config.server.drainTimeout;
  exit.drain = () => gateway.stop();
  log.info({ port: gateway.port, adminPort: gateway.adminPort, upstream: config.upstream.url }, "listening");
  flush();
} catch (error) {
  const isKnown = error instanceof ConfigError || (error instanceof Error && "syscall" in error);
  const text = isKnown ? error.message : error instanceof Error ? (error.stack ?? "") : String(error);
  process.stderr.write(`${scrub(text)}\n`);
  // Not `exitCode`: what was already started (a connection to Redis) would keep a gateway alive that never listens.
  process.exit(1);
}
