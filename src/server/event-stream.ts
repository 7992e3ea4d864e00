import type { ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Snapshot } from "../core/status.ts";

/** The interval between events. */
const EVERY_MS = 2_000;
/** The most pages that are open at the same time. */
const MOST = 20;
/**
 * The most buffered bytes for a page that does not read. Beyond it the page is disconnected, since it would
 * occupy a slot indefinitely.
 */
const BACKLOG = 1_048_576;

/** The dependencies of the event stream. */
export interface EventStreamOptions {
  readonly clock: Clock;
  readonly snapshot: () => Promise<Snapshot>;
  /** Called with each error that prevented an event. */
  readonly onFault: (cause: unknown) => void;
}

/**
 * The open status pages, fed by server-sent events (WHATWG HTML, 9.2). Without an open page nothing is
 * computed or sent.
 */
export class EventStream {
  readonly #open = new Set<ServerResponse>();
  readonly #snapshot: () => Promise<Snapshot>;
  readonly #onFault: (cause: unknown) => void;
  readonly #clock: Clock;
  /** Cancels the next event, if any page is open. */
  #cancel: (() => void) | undefined;

  constructor({ snapshot, onFault, clock }: EventStreamOptions) {
    this.#snapshot = snapshot;
    this.#onFault = onFault;
    this.#clock = clock;
  }

  /**
   * Sends an event now and then every two seconds. Returns false, and does nothing, if too many pages are
   * open.
   */
  async add(response: ServerResponse): Promise<boolean> {
    // Before the head, so that a failure is an error and not an empty page.
    const first = await this.#event();
    if (this.#open.size >= MOST) return false;
    if (response.destroyed) return true;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // Otherwise a proxy that buffers answers (nginx) would hold back the whole stream.
      "x-accel-buffering": "no",
    });
    response.write(`retry: ${EVERY_MS}\n\n${first}`);
    this.#open.add(response);
    response.once("close", () => this.#remove(response));
    if (this.#cancel === undefined) this.#scheduleNext();
    return true;
  }

  #remove(response: ServerResponse): void {
    this.#open.delete(response);
    if (this.#open.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #scheduleNext(): void {
    this.#cancel = this.#clock.after(EVERY_MS, () => {
      this.#scheduleNext();
      void this.#send().catch(this.#onFault);
    });
  }

  async #send(): Promise<void> {
    const event = await this.#event();
    for (const response of this.#open) {
      if (response.writableLength < BACKLOG) response.write(event);
      else response.destroy();
    }
  }

  async #event(): Promise<string> {
    // JSON contains no line break, so that one `data` line is enough.
    return `data: ${JSON.stringify(await this.#snapshot())}\n\n`;
  }
}
