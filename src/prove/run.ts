import type { Io } from "../cli/io.ts";
import { universalProblem } from "./laws.ts";
import { MadeRecords, type Leftovers } from "./ledger.ts";
import type { Discovery } from "./material.ts";
import { Stopped, type RawRequest, type Seen, type Wire } from "./wire.ts";
import type { Block, Case, Desk, Judgement, World } from "./world.ts";

/** A failed case. */
export interface FailedCase {
  readonly block: string;
  readonly name: string;
  /** The request, without its key. */
  readonly request: string;
  readonly problem: string;
}

/** The result of one block. */
export interface BlockResult {
  readonly name: string;
  readonly tries: string;
  readonly cases: number;
  readonly held: number;
  readonly ms: number;
}

/** The result of a proof. */
export interface RunOutcome {
  readonly blocks: readonly BlockResult[];
  readonly failures: readonly FailedCase[];
  /** The reason why the matrix did not run to its end. */
  readonly stopped: string | undefined;
  readonly leftovers: Leftovers;
}

/** The options of a run. */
export interface RunOptions {
  readonly blocks: readonly Block[];
  readonly workers: number;
  readonly wire: Wire;
  readonly clock: Io["clock"];
  /** Whether to stop at the first failed case. */
  readonly bails: boolean;
  /** Called after every case. */
  readonly onCase: (done: number, failed: number) => void;
}

/** Runs the matrix. Deletes the records that it created before it resolves, also after an error. */
export async function runMatrix({ world }: Discovery, options: RunOptions): Promise<RunOutcome> {
  const ledger = new MadeRecords(world, options.wire);
  const run = new Run(world, options);
  const desks = Array.from({ length: options.workers }, () => ledger.desk());
  let stopped: string | undefined;
  try {
    for (const block of options.blocks) await run.block(block, desks);
  } catch (error) {
    stopped = error instanceof Error ? error.message : String(error);
  }
  const writes = options.blocks.some((block) => block.writes);
  const leftovers = writes ? await ledger.clear() : { remains: [], strays: [] };
  return { blocks: run.results, failures: run.failures, stopped, leftovers };
}

class Run {
  readonly results: BlockResult[] = [];
  readonly failures: FailedCase[] = [];
  readonly #world: World;
  readonly #options: RunOptions;
  #done = 0;
  #isOver = false;

  constructor(world: World, options: RunOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** Runs one block's cases; each worker takes the next one. Rejects if the run has to end. */
  async block(block: Block, desks: readonly Desk[]): Promise<void> {
    const result = { name: block.name, tries: block.tries, cases: 0, held: 0, ms: 0 };
    const begun = this.#options.clock.now();
    this.results.push(result);
    const cases = block.cases(this.#world)[Symbol.iterator]();
    const work = async (desk: Desk): Promise<void> => {
      for (let next = cases.next(); next.done !== true && !this.#isOver; next = cases.next()) {
        const problem = await this.#try(next.value, desk);
        this.#done += 1;
        result.cases += 1;
        if (problem === undefined) result.held += 1;
        else this.failures.push({ block: block.name, name: next.value.name, ...problem });
        this.#options.onCase(this.#done, this.failures.length);
        if (this.#options.bails && this.failures.length > 0)
          throw new Stopped("at the first failure (--bail)");
      }
    };
    const settled = await Promise.allSettled(
      desks.map((desk) =>
        work(desk).catch((error: unknown) => {
          // An error of one worker ends all; the others finish their present case.
          this.#isOver = true;
          throw error;
        }),
      ),
    );
    result.ms = Math.round(this.#options.clock.now() - begun);
    const failed = settled.find((each) => each.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #try(item: Case, desk: Desk): Promise<{ request: string; problem: string } | undefined> {
    const { wire } = this.#options;
    let attempt: RawRequest | undefined;
    try {
      attempt = typeof item.attempt === "function" ? await item.attempt(desk) : item.attempt;
      const seen = await wire.send(attempt);
      const problem = await this.#judge(item, { attempt, seen, desk });
      return problem === undefined ? undefined : { request: wordsOf(attempt), problem };
    } catch (error) {
      if (error instanceof Stopped) throw error;
      const problem = `no answer: ${error instanceof Error ? error.message : String(error)}`;
      return { request: attempt === undefined ? "" : wordsOf(attempt), problem };
    }
  }

  async #judge(item: Case, at: { attempt: RawRequest; seen: Seen; desk: Desk }): Promise<Judgement> {
    const { attempt, seen, desk } = at;
    const world = this.#world;
    const problem = universalProblem(seen, item, { world, method: attempt.method });
    // The case's own law runs in any case: it detects changed records.
    const own = await item.law(seen, { attempt, desk, send: (more) => this.#options.wire.send(more) });
    return problem ?? own;
  }
}

/** Renders a request for a report, without the key and with long parts shortened. */
function wordsOf({ method, target, headers, body }: RawRequest): string {
  const shown: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = "", value = ""] = headers.slice(i, i + 2);
    shown.push(/auth|key|cookie/i.test(name) ? `${name}: …` : `${name}: ${value}`);
  }
  return [`${method} ${cut(target)}`, ...shown, ...(body === undefined ? [] : [cut(body)])].join(" | ");
}

function cut(text: string): string {
  return text.length > 300 ? `${text.slice(0, 280)}…(${text.length})` : text;
}
