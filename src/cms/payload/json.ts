import type { UpstreamAnswer } from "../../core/context.ts";

/**
 * The JSON of an answer, or `undefined` where it is none: wrongly labelled, compressed though nobody asked for it, or
 * not to be parsed.
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
