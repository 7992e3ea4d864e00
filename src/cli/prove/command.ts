import { EXIT, type Command } from "../command.ts";
import type { Io } from "../io.ts";
import { discover } from "./material.ts";
import { FLAGS, readOptions, type ProveOptions } from "./options.ts";
import { printReport, reportOf, type Report } from "./report.ts";
import { runMatrix } from "./run.ts";
import { Wire } from "./wire.ts";

/** `partners-gateway prove`. */
export const prove: Command = {
  synopsis: "--gateway <url> --tenant-a <slug> --tenant-b <slug>",
  about:
    "Tries, with the keys of two tenants, to get at one with the other's key: every operation, every way to name\n" +
    "a tenant, every spelling and every hiding place that has broken a gateway somewhere. Only looks, unless told\n" +
    "--write --yes; then it works on records of its own making and removes them. Exits 0 where everything holds.",
  flags: FLAGS,
  examples: [
    "PROVE_KEY_A=… PROVE_KEY_B=… partners-gateway prove --gateway https://staging.example.com --tenant-a acme --tenant-b globex",
    "partners-gateway prove --gateway http://127.0.0.1:8080 --tenant-a acme --tenant-b globex --shared events,venues",
    "partners-gateway prove … --write --samples samples.json --yes --json > proof.json",
  ],
  async run(given, io) {
    const options = readOptions(given, io);
    const report = await proveIsolation(options, io);
    if (options.isJson) io.out(JSON.stringify(report));
    else printReport(report, io);
    return report.holds ? EXIT.ok : EXIT.failed;
  },
};

/** Runs a whole proof and says how it went. The first SIGINT or SIGTERM ends it tidily, the second at once. */
export async function proveIsolation(options: ProveOptions, io: Io): Promise<Report> {
  const stop = new AbortController();
  const unlisten = io.onStop(() => {
    if (stop.signal.aborted) return io.exit(EXIT.failed);
    io.progress("");
    io.err("Stopping: what was made is being removed. Once more ends at once and leaves it.");
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
