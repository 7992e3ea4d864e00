import { withTimeout } from "../../cache/with-timeout.ts";
import type { Delivery } from "../../cache/pending-acks.ts";
import type { Config } from "../../config/schema.ts";
import type { FactKind } from "../../core/ports.ts";
import { BatchCoalescer } from "../../core/async/batch-coalescer.ts";
import { Secret } from "../../core/secret.ts";
import type { Others, ProcessDeps } from "../process-services.ts";
import { purgeOf } from "../cached-lookups.ts";
import { Serving } from "../serving.ts";
import { Calls } from "./calls.ts";
import type { Orders, PrimarySide, WorkerSide } from "./sides.ts";

/** The line of this process to the one that forked it. */
export interface Line {
  readonly send: (message: object) => void;
  readonly onMessage: (listener: (message: unknown) => void) => void;
}

/** What ends this process. */
export interface Ways {
  /** Drains, then ends it. */
  leave: () => void;
  /** Ends it at once. */
  end: () => void;
}

/** This process as one of a gateway's workers, and the line to its primary. */
export class WorkerProcess {
  readonly primary: Calls<PrimarySide>;
  #serving: Serving | undefined;
  readonly #opened = Promise.withResolvers<Serving>();
  #ways: Ways | undefined;

  constructor({ send, onMessage }: Line) {
    this.primary = new Calls<PrimarySide>(send, this.#side());
    onMessage((message) => this.primary.receive(message));
  }

  /** Asks what to do. */
  begin(ways: Ways): Promise<Orders> {
    this.#ways = ways;
    return this.primary.ask("begin");
  }

  /** Serves. Resolves when it does; rejects where it cannot. */
  async serve(config: Config, surroundings: Omit<ProcessDeps, "others">): Promise<void> {
    const { ackTimeout } = config.redis;
    const others = othersBy(this.primary, (asked) => withTimeout(asked, 2 * ackTimeout, surroundings.clock));
    this.#serving = await Serving.open(config, { ...surroundings, others });
    const port = await this.#serving.listen();
    this.#opened.resolve(this.#serving);
    await this.primary.ask("opened", port);
  }

  /** Goes out of service. The primary is told first: another may take this one's place meanwhile. */
  async stop(): Promise<void> {
    this.primary.ask("leaving").catch(() => undefined);
    await this.#serving?.stop();
  }

  #side(): WorkerSide {
    const serving = (): Serving => {
      if (this.#serving === undefined) throw new Error("the worker has only begun");
      return this.#serving;
    };
    return {
      health: async () => serving().standing().health,
      samples: async () => serving().lasting.metrics.samples(serving().standing()),
      heard: async () => ({ heard: serving().lasting.status.heard(), standing: serving().standing() }),
      purge: async (request) => {
        const { house, lasting } = serving();
        const purge = purgeOf(lasting.cache, () => house.current.facilities.keys());
        return purge(request.what === "key" ? { what: "key", key: new Secret(request.key) } : request);
      },
      forget: async (kinds) => {
        // Before it serves it has nothing to forget.
        this.#serving?.lasting.cache.flush(kinds);
        this.#serving?.lasting.writes.forget();
      },
      reload: async (config) => {
        const { house, lasting } = await this.#opened.promise;
        await house.apply(config);
        lasting.log.level = config.log.level;
        lasting.metrics.forgetRate();
      },
      stop: async () => this.#ways?.leave(),
      end: async () => this.#ways?.end(),
    };
  }
}

/** The other workers, by way of the primary. However many writes there are, one telling is under way and one waits. */
function othersBy(
  primary: Calls<PrimarySide>,
  inTime: (asked: Promise<Delivery>) => Promise<Delivery>,
): Others {
  const rounds = new BatchCoalescer<readonly FactKind[], Delivery>(async (wishes) => {
    const kinds = [...new Set(wishes.flat())];
    // Who they are, and how many, only the primary knows.
    return inTime(primary.ask("forget", kinds)).catch(() => ({ peers: 1, acknowledged: 0, complete: false }));
  });
  return { forget: (kinds) => rounds.join(kinds) };
}
