import type { Io } from "../cli/io.ts";
import { discover, type WorldSpec } from "./material.ts";
import { reportOf, type Report } from "./report.ts";
import { runMatrix } from "./run.ts";
import { Wire } from "./wire.ts";
import type { Block } from "./world.ts";

/** The options of a proof. */
export interface ProveOptions {
  readonly origin: URL;
  readonly spec: WorldSpec;
  readonly blocks: readonly Block[];
  readonly workers: number;
  readonly maxRequests: number;
  readonly isJson: boolean;
  readonly writes: boolean;
  /** Whether to stop at the first failed case. */
  readonly bails: boolean;
}

/**
 * Runs a proof and returns its report. The first SIGINT or SIGTERM ends it after a clean-up, the second at
 * once.
 */
export async function proveIsolation(options: ProveOptions, io: Io): Promise<Report> {
  const stop = new AbortController();
  const unlisten = io.onStop(() => {
    if (stop.signal.aborted) return io.exit(1);
    io.progress("");
    io.err("Stopping: deleting the created records. A second signal ends at once and leaves them.");
    stop.abort();
  });
  const begun = io.clock.now();
  const wire = new Wire({
    origin: options.origin,
    connections: options.workers,
    maxRequests: options.maxRequests,
    clock: io.clock,
    signal: stop.signal,
  });
  try {
    const discovery = await discover(options.spec, wire);
    const total = options.blocks.reduce((sum, block) => sum + [...block.cases(discovery.world)].length, 0);
    const onCase = (done: number, failed: number): void => {
      if (done % 10 === 0 || done === total) io.progress(bar(done, total, failed));
    };
    const outcome = await runMatrix(discovery, {
      blocks: options.blocks,
      workers: options.workers,
      wire,
      clock: io.clock,
      bails: options.bails,
      onCase,
    });
    io.progress("");
    const [a, b] = options.spec.parties;
    const facts = {
      gateway: options.origin.origin,
      version: options.spec.names.version,
      tenants: [a.slug, b.slug],
      mode: options.writes ? "write" : "read-only",
      requests: wire.requests,
      seconds: Math.round((io.clock.now() - begun) / 100) / 10,
    } as const;
    return reportOf(facts, discovery, outcome);
  } finally {
    unlisten();
    wire.close();
  }
}

function bar(done: number, total: number, failed: number): string {
  const filled = Math.round((done / Math.max(total, 1)) * 30);
  const broken = failed === 0 ? "" : `, ${failed} do not hold`;
  return `[${"#".repeat(filled)}${"·".repeat(30 - filled)}] ${done}/${total}${broken}`;
}
