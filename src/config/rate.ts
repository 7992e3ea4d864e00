import * as z from "zod";
import { duration } from "./units.ts";
import { count } from "./words.ts";

/**
 * A limit of requests. The counter stores the time of each counted request per user, in Redis or in memory.
 */
const limit = count.max(10_000, { error: "expected at most 10000: the counter stores every request's time" });

const own = z.record(z.string(), z.strictObject({ reads: limit.optional(), writes: limit.optional() }));

/** The rate limits of partners: the section `rate`. */
export const rate = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe(
      "Whether partner requests are rate limited. Over the limit the answer is 429; all answers have RateLimit headers.",
    ),
  window: duration
    .prefault("1m")
    .refine((ms) => ms >= 1_000 && ms % 1_000 === 0, {
      error: "expected whole seconds, the unit of RateLimit headers",
    })
    .describe("The length of the sliding window in which requests are counted."),
  reads: limit
    .default(100)
    .describe(
      "The reads (GET, HEAD, OPTIONS) per window of one key's user, over all of its keys and tenants.",
    ),
  writes: limit
    .default(20)
    .describe("The writes (all other methods) per window of one key's user, counted separately from reads."),
  users: own
    .default({})
    .describe("Other limits for single CMS users, by id, e.g. 12: {reads: 1000, writes: 200}."),
  roles: own
    .default({})
    .describe(
      "Other limits for the users with a CMS role, e.g. migration: {writes: 600}. The highest limit of several roles applies; rate.users takes precedence.",
    ),
});
