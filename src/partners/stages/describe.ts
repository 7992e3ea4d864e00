import type { Authenticated, Received } from "../../core/context.ts";
import type { Answer } from "../../core/envelope.ts";

export interface DescribeDeps {
  readonly authenticate: (request: Received) => Promise<Authenticated>;
  /** True if the document needs no key. Otherwise any valid key may read it. */
  readonly isPublic: boolean;
  /** Returns the current description, as JSON. */
  readonly document: () => string;
}

/**
 * Answers GET and HEAD of `/partners/openapi.json`, and passes any other request to `next`. No version has
 * this name, so the document hides no route. Other methods reach the version check as before.
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
