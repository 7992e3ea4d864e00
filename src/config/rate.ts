import * as z from "zod";
import { duration } from "./units.ts";
import { count } from "./words.ts";

/** The times of so many requests are kept for each user, in Redis or in memory. */
const limit = count.max(10_000, { error: "expected 10000 at the most: every counted request is remembered" });

const own = z.record(z.string(), z.strictObject({ reads: limit.optional(), writes: limit.optional() }));

/** How many requests a partner may make: the section `rate`. */
export const rate = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether requests are counted and limited; over the limit 429, and RateLimit headers on all."),
  window: duration
    .prefault("1m")
    .refine((ms) => ms >= 1_000 && ms % 1_000 === 0, {
      error: "expected whole seconds, which is what RateLimit headers are in",
    })
    .describe("The limits hold for every stretch of time of this length."),
  reads: limit
    .default(100)
    .describe("Reads (GET, HEAD, OPTIONS) of one key's user in that time, over all of its keys and tenants."),
  writes: limit.default(20).describe("Writes (every other method) likewise, counted apart."),
  users: own
    .default({})
    .describe("Other limits for a user of the CMS by id, e.g. 12: {reads: 1000, writes: 200}."),
  roles: own
    .default({})
    .describe(
      "Other limits for users with a role of the CMS, e.g. migration: {writes: 600}; of several the highest, and a user's own before all.",
    ),
});
