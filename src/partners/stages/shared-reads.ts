import type { Permitted } from "../../core/context.ts";
import type { Answer } from "../../core/envelope.ts";
import { SingleFlight, SingleFlights } from "../../core/async/single-flight.ts";
import { Secret } from "../../core/secret.ts";
import type { Writes } from "../../core/writes.ts";

type Next = (request: Permitted) => Promise<Answer>;

export interface SharedReadsOptions {
  /**
   * False if every read sends its own request. Writes count nevertheless: reads under another configuration
   * may be shared.
   */
  readonly isSharing: boolean;
  readonly writes: Writes;
}

/**
 * The reads of one CMS in flight. Permitted reads in flight share one request if every input of the CMS
 * request and its answer is equal. Only the first is prepared, sent and translated.
 *
 * An answer holds a state after its request arrived, for all writes that this gateway sees: no read joins one
 * that began before or during a write (`Writes`). A write is never shared.
 */
export class SharedReads {
  readonly #flights = new SingleFlights<SingleFlight<Answer>>();
  readonly #options: SharedReadsOptions;

  constructor(options: SharedReadsOptions) {
    this.#options = options;
  }

  /** Surrounds all stages after `authorise`. */
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
 * Returns the key of a shared read: every input of the CMS request and its answer except the request id, the
 * API key above all. The key holds the credential no longer than the request does. Texts that can contain a
 * line break come last, or after their length, so that two different reads never have the same key.
 */
function keyOf({ principal, version, tenant, operation, path, permit }: Permitted): string {
  const { kind, collection } = operation;
  const ids = JSON.stringify([principal.userId, tenant.id, permit.scope]);
  const id = kind === "read" ? operation.id : "";
  return `${Secret.reveal(principal.credential)}\n${version.name}\n${kind} ${collection}\n${path.query}\n${ids}\n${tenant.slug.length} ${tenant.slug}${id}`;
}
