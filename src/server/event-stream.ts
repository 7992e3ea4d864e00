import type { ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Snapshot } from "../core/status.ts";

/** How often each open page is sent how things stand. */
const EVERY_MS = 2_000;
/** Pages at the same time. */
const MOST = 20;
/** What may wait for a page that does not read, in bytes, before it is cut off: it would keep its place for ever. */
const BACKLOG = 1_048_576;

/** What the events tell, and by which time. */
export interface EventStreamOptions {
  readonly clock: Clock;
  readonly snapshot: () => Promise<Snapshot>;
  /** Told of what kept it from telling the open pages. */
  readonly onFault: (cause: unknown) => void;
}

/** The open pages, fed by server-sent events (WHATWG HTML, 9.2). Nothing is made or sent while nobody looks. */
export class EventStream {
  readonly #open = new Set<ServerResponse>();
  readonly #snapshot: () => Promise<Snapshot>;
  readonly #onFault: (cause: unknown) => void;
  readonly #clock: Clock;
  /** Cancels the next event, while any page is open. */
  #cancel: (() => void) | undefined;

  constructor({ snapshot, onFault, clock }: EventStreamOptions) {
    this.#snapshot = snapshot;
    this.#onFault = onFault;
    this.#clock = clock;
  }

  /** Sends what there is, and from then on every two seconds. False, and nothing done, where too many look already. */
  async add(response: ServerResponse): Promise<boolean> {
    // Before the head: what cannot be told is an error, not an empty page.
    const first = await this.#event();
    if (this.#open.size >= MOST) return false;
    if (response.destroyed) return true;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // A proxy in between that gathers the answer would keep all of it (nginx).
      "x-accel-buffering": "no",
    });
    response.write(`retry: ${EVERY_MS}\n\n${first}`);
    this.#open.add(response);
    response.once("close", () => this.#drop(response));
    if (this.#cancel === undefined) this.#goOn();
    return true;
  }

  #drop(response: ServerResponse): void {
    this.#open.delete(response);
    if (this.#open.size > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #goOn(): void {
    this.#cancel = this.#clock.after(EVERY_MS, () => {
      this.#goOn();
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
    // JSON holds no line break, so that one `data` line is the whole.
    return `data: ${JSON.stringify(await this.#snapshot())}\n\n`;
  }
}
