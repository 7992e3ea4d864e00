import type { ServerResponse } from "node:http";
import type { Snapshot } from "../core/status.ts";

/** How often each open page is sent how things stand. */
const EVERY_MS = 2_000;
/** Pages at the same time. */
const MOST = 20;
/** What may wait for a page that does not read, in bytes, before it is left out. */
const BACKLOG = 1_048_576;

/** The open pages, fed by server-sent events (WHATWG HTML, 9.2). Nothing is made or sent while nobody looks. */
export class Events {
  readonly #open = new Set<ServerResponse>();
  readonly #snapshot: () => Snapshot;
  #timer: NodeJS.Timeout | undefined;

  constructor(snapshot: () => Snapshot) {
    this.#snapshot = snapshot;
  }

  /** Sends what there is, and from then on every two seconds. False, and nothing done, where too many look already. */
  add(response: ServerResponse): boolean {
    if (this.#open.size >= MOST) return false;
    // Before the head: what cannot be told is an error, not an empty page.
    const first = this.#event();
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // A proxy in between that gathers the answer would keep all of it (nginx).
      "x-accel-buffering": "no",
    });
    response.write(`retry: ${EVERY_MS}\n\n${first}`);
    this.#open.add(response);
    response.once("close", () => this.#drop(response));
    this.#timer ??= setInterval(() => this.#send(), EVERY_MS);
    return true;
  }

  #drop(response: ServerResponse): void {
    this.#open.delete(response);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #send(): void {
    const event = this.#event();
    for (const response of this.#open) if (response.writableLength < BACKLOG) response.write(event);
  }

  #event(): string {
    // JSON holds no line break, so that one `data` line is the whole.
    return `data: ${JSON.stringify(this.#snapshot())}\n\n`;
  }
}
