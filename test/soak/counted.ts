import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support/until.ts";
import { openField, type Field } from "./field.ts";
import type { Ledger } from "./ledger.ts";
import { Client } from "./traffic.ts";

export interface CountedOptions {
  readonly clients: number;
  /** The least number of requests of each client. */
  readonly requests: number;
  /** The number of responses between two events at the backends. */
  readonly step: number;
}

/** The result of a counted run. */
export interface CountedReport {
  readonly ledger: Ledger;
  /** The process's standard error, for example warnings of leaking listeners. */
  readonly warnings: string;
  readonly exitCode: number | null;
}

/**
 * The mix of the soak, for as many requests as it takes to lose Redis, killed and stopped, and to restart the
 * CMS. It counts responses and measures no time.
 */
export async function runCounted(options: CountedOptions): Promise<CountedReport> {
  // If the machine pauses the clients for a while, no body exceeds its timeout.
  const field = await openField({ bodyPause: "1h" });
  const { program, ledger } = field;
  try {
    const state: Course = { isOver: false };
    const clients = Array.from({ length: options.clients }, (_, seed) =>
      send(field, { seed, options, state }),
    );
    await loseBackends(field, options.step, state);
    state.isOver = true;
    await Promise.all(clients);
    program.signal("SIGTERM");
    const exitCode = await program.ended;
    return { ledger, warnings: program.output(), exitCode };
  } finally {
    await field.close();
  }
}

/** The progress of the run. */
interface Course {
  isOver: boolean;
  /** The promise that clients wait for before they send another request. */
  hold?: Promise<void>;
}

interface Sender {
  readonly seed: number;
  readonly options: CountedOptions;
  readonly state: Readonly<Course>;
}

async function send({ program, backends, ledger }: Field, { seed, options, state }: Sender): Promise<void> {
  const client = new Client(program.port, seed);
  for (let sent = 0; sent < options.requests || !state.isOver; sent += 1) {
    await state.hold;
    const begun = performance.now();
    const outcome = await client.next({ session: backends.cms.session, stalls: false });
    ledger.answered(outcome, backends.cms.wasDown(begun));
    // Leaves half of the cores to the CMS, which starts on the same ones; no assertion depends on it.
    await sleep(performance.now() - begun);
  }
  client.close();
}

async function loseBackends(
  { program, backends, ledger }: Field,
  step: number,
  state: Course,
): Promise<void> {
  const answers = (): Promise<true> => {
    const enough = ledger.answers + step;
    return until(`${step} further responses`, () => ledger.answers >= enough);
  };
  await answers();
  await backends.loseRedis("killed", answers);
  await answers();
  const restarted = backends.restartCms("SIGKILL", program.adminUrl);
  await answers();
  // Rejections are so fast that they would keep the CMS from starting.
  state.hold = restarted;
  await restarted;
  await answers();
  await backends.loseRedis("stopped", answers);
  await answers();
}
