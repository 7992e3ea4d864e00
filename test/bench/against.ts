import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inTurns, type Part } from "./part.ts";
import { HERE, startGateway, type RunningGateway } from "./start.ts";
import { spreadOf } from "./statistics.ts";
import { PARTNERS, PLAIN, scriptsOf } from "./subjects.ts";
import { measure, type Sample } from "./wrk.ts";

/** The loads of the comparison: the paths through the gateway that its users take. */
const LOADS = [
  { name: "partners, document", script: scriptsOf(PARTNERS).document },
  { name: "partners, list", script: scriptsOf(PARTNERS).list },
  { name: "partners, document, equal reads", script: scriptsOf(PARTNERS, "equal").document },
  { name: "native, document", script: scriptsOf(PLAIN).document },
];

/**
 * Compares the working tree with another state of the repository: has a change made the gateway faster or
 * slower?
 */
export function against(ref: string): Part {
  return {
    name: "against",
    async *run({ options, upstream, say }) {
      const { rounds = 10, seconds = 2, warmup } = options;
      const { commit, root, remove } = checkOut(ref);
      const running: RunningGateway[] = [];
      try {
        say(`comparing the working tree with ${ref} (${commit})`);
        for (const checkout of [root, HERE]) running.push(await startGateway(upstream, { root: checkout }));
        const rows = [];
        for (const { name, script } of LOADS) {
          const one = ({ url, pid }: RunningGateway, stretch = seconds): Promise<Sample> =>
            measure({ origin: url, script, connections: 64, seconds: stretch, pid });
          for (const gateway of running) await one(gateway, warmup);
          const pairs: Sample[][] = [];
          for (let round = 0; round < rounds; round += 1) {
            const pair: Sample[] = [];
            for (const [at, gateway] of inTurns(running.entries(), round)) pair[at] = await one(gateway);
            pairs.push(pair);
          }
          rows.push(rowOf(name, pairs));
        }
        yield {
          title: `the working tree against ${ref} (${commit})`,
          notes: [
            `Working tree divided by ${ref}: above 1 more requests, more latency or more memory. In turns, 64 connections; median of ${rounds} rounds of ${seconds} s [least-greatest]. If 1 lies well within the brackets, there is no measurable difference.`,
          ],
          rows,
        };
      } finally {
        for (const gateway of running) await gateway.stop();
        remove();
      }
    },
  };
}

function rowOf(load: string, pairs: readonly (readonly Sample[])[]) {
  const ratio = (of: (sample: Sample) => number) =>
    spreadOf(pairs.map(([before, after]) => (before && after ? of(after) / of(before) : Number.NaN)));
  return {
    load,
    "requests per CPU second": ratio(({ perCpuSecond }) => perCpuSecond),
    "requests per second": ratio(({ perSecond }) => perSecond),
    p99: ratio(({ p99 }) => p99),
    RSS: ratio(({ rss }) => rss),
  };
}

/**
 * Checks out that state of the repository in its own folder, with this checkout's dependencies. Throws for an
 * unknown ref.
 */
function checkOut(ref: string): { commit: string; root: string; remove: () => void } {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: HERE, encoding: "utf8" }).trim();
  const commit = git("rev-parse", "--short", "--verify", "--end-of-options", `${ref}^{commit}`);
  const dir = mkdtempSync(join(tmpdir(), "bench-against-"));
  const root = join(dir, "gateway");
  git("worktree", "add", "--quiet", "--detach", root, commit);
  symlinkSync(realpathSync(join(HERE, "node_modules")), join(root, "node_modules"));
  const remove = (): void => {
    process.off("exit", remove);
    git("worktree", "remove", "--force", root);
    rmSync(dir, { recursive: true, force: true });
  };
  process.once("exit", remove);
  return { commit, root, remove };
}
