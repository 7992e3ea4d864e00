import type { Permitted } from "../../core/context.ts";
import type { Answer } from "../../core/envelope.ts";
import { SingleFlight, SingleFlights } from "../../core/async/single-flight.ts";
import { Secret } from "../../core/secret.ts";
import type { Writes } from "../../core/writes.ts";

type Next = (request: Permitted) => Promise<Answer>;

export interface SharedReadsOptions {
  /** False where each read asks for itself. Writes are counted nevertheless: reads by another configuration may be shared. */
  readonly isSharing: boolean;
  readonly writes: Writes;
}

/**
 * The reads of one CMS that are under way. Reads that were permitted, are under way at the same time and are equal in all
 * that the request to the CMS and its answer are made of are one: only the first is prepared, sent and translated.
 *
 * Whatever a request is told was true after it came, as far as this gateway can see to it: no read joins one that began
 * before or during a write (`Writes`). A write is never shared.
 */
export class SharedReads {
  readonly #flights = new SingleFlights<SingleFlight<Answer>>();
  readonly #options: SharedReadsOptions;

  constructor(options: SharedReadsOptions) {
    this.#options = options;
  }

  /** Around all that follows `authorise`. */
  join(request: Permitted, next: Next): Promise<Answer> {
    const { kind } = request.operation;
    if (kind !== "list" && kind !== "read") return this.#write(request, next);
    const { isSharing, writes } = this.#options;
    const { epoch } = writes;
    if (!isSharing || epoch === undefined) return next(request);
    const key = `${epoch} ${keyOf(request)}`;
    const joined = this.#flights.find(key);
    if (joined === undefined) return this.#begin(key, request, next).wait(request.signal);
    request.note.stage = "forward";
    request.note.sharedWith = joined.requestId;
    return joined.wait(request.signal).then(({ status, headers, body }) => {
      request.note.stage = "answer";
      return { status, headers: { ...headers, "x-request-id": request.requestId }, body };
    });
  }

  #begin(key: string, request: Permitted, next: Next): SingleFlight<Answer> {
    const flight: SingleFlight<Answer> = new SingleFlight(key, request.requestId, () =>
      this.#flights.delete(flight),
    );
    this.#flights.add(flight);
    next({ ...request, signal: flight.lifetime }).then(
      (answer) => flight.land(answer),
      (error: unknown) => flight.fail(error),
    );
    return flight;
  }

  async #write(request: Permitted, next: Next): Promise<Answer> {
    const end = this.#options.writes.begin();
    try {
      return await next(request);
    } finally {
      end();
    }
  }
}

/**
 * All that a read's request to the CMS and its answer are made of, but for its id; the key that authenticates above all.
 * Holds that for as long as the request that holds it anyway. What a client or the CMS could write a line's end in stands
 * last, or behind its length, so that no two reads have one key.
 */
function keyOf({ principal, version, tenant, operation, path, permit }: Permitted): string {
  const { kind, collection } = operation;
  const ids = JSON.stringify([principal.userId, tenant.id, permit.scope]);
  const id = kind === "read" ? operation.id : "";
  return `${Secret.reveal(principal.credential)}\n${version.name}\n${kind} ${collection}\n${path.query}\n${ids}\n${tenant.slug.length} ${tenant.slug}${id}`;
}
