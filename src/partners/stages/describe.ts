import type { Authenticated, Received } from "../../core/context.ts";
import type { Answer } from "../../core/envelope.ts";

export interface DescribeDeps {
  readonly authenticate: (request: Received) => Promise<Authenticated>;
  /** Whoever asks may read it; otherwise whoever has a key. */
  readonly isPublic: boolean;
  /** The description as of now, as JSON. */
  readonly document: () => string;
}

/**
 * Answers `GET /partners/openapi.json`; whatever else goes on to `next`. The name is no version's, so that nothing is
 * hidden by it. Other methods go on as well, and meet the version check as before.
 */
export function createDescribe({ authenticate, isPublic, document }: DescribeDeps) {
  const described = async (request: Received): Promise<Answer> => {
    const { note, requestId } = request;
    if (!isPublic) await authenticate(request);
    note.stage = "describe";
    note.operation = "describe";
    const headers = {
      "content-type": "application/json; charset=utf-8",
      "cache-control": isPublic ? "no-cache" : "private, no-store",
      "x-request-id": requestId,
    };
    return { status: 200, headers, body: document() };
  };
  return (request: Received, next: (request: Received) => Promise<Answer>): Promise<Answer> => {
    const { method, path } = request;
    const [name, more] = path.segments;
    const isAsked = name === "openapi.json" && more === undefined;
    return isAsked && (method === "GET" || method === "HEAD") ? described(request) : next(request);
  };
}
