import type { UpstreamAnswer } from "../../core/context.ts";

/**
 * Parses the JSON of an answer. Returns `undefined` for another content type, for an encoding that the
 * gateway did not request, and for invalid JSON.
 */
export function readJson(answer: UpstreamAnswer): unknown {
  if (answer.contentEncoding !== undefined && answer.contentEncoding !== "identity") return undefined;
  if (!/^application\/json\s*(?:;|$)/i.test(answer.contentType ?? "")) return undefined;
  try {
    return JSON.parse(answer.body.toString("utf8"));
  } catch {
    return undefined;
  }
}
