import type {
  Answered,
  Authenticated,
  Bodied,
  Incoming,
  Permitted,
  Prepared,
  Received,
  Routed,
  Tenanted,
  Versioned,
} from "../core/context.ts";
import type { Answer } from "../core/envelope.ts";

/**
 * The stages of a request, one method per stage. Each needs the evidence that the stage before it provides.
 */
export interface Stages {
  receive(request: Incoming): Received;
  describe(request: Received, next: (request: Received) => Promise<Answer>): Promise<Answer>;
  authenticate(request: Received): Promise<Authenticated>;
  version(request: Authenticated): Versioned;
  recheck(request: Versioned, next: (request: Versioned) => Promise<Answer>): Promise<Answer>;
  resolveTenant(request: Versioned): Promise<Tenanted>;
  route(request: Tenanted): Routed;
  readBody(request: Routed): Promise<Bodied> | Bodied;
  authorise(request: Bodied): Promise<Permitted>;
  join(request: Permitted, next: (request: Permitted) => Promise<Answer>): Promise<Answer>;
  prepare(request: Permitted): Prepared;
  forward(request: Prepared): Promise<Answered>;
  answer(request: Answered): Answer;
}

/** Resolves with the answer to a request, or rejects with the error that answers it. */
export type Handler = (request: Incoming) => Promise<Answer>;

/** Creates the pipeline: the stages in order, without branches or catches. Another order does not compile. */
export function createPipeline(stages: Stages): Handler {
  return async (incoming) => {
    const received = stages.receive(incoming);
    return await stages.describe(received, async (undescribed) => {
      const authenticated = await stages.authenticate(undescribed);
      const versioned = stages.version(authenticated);
      return await stages.recheck(versioned, async (checked) => {
        const tenanted = await stages.resolveTenant(checked);
        const routed = stages.route(tenanted);
        const bodied = await stages.readBody(routed);
        const permitted = await stages.authorise(bodied);
        return await stages.join(permitted, async (joined) => {
          const prepared = stages.prepare(joined);
          const answered = await stages.forward(prepared);
          return stages.answer(answered);
        });
      });
    });
  };
}
