import * as z from "zod";

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

/** The longest delay of Node's timers, 596 hours; a longer one fires at once. */
const LONGEST_MS = 2_147_483_647;

/** A duration such as `250ms`, `15s`, `5m` or `1h`, parsed to milliseconds. */
export const duration = quantity(MILLISECONDS, "a duration such as 250ms, 15s, 5m or 1h").refine(
  (ms) => ms <= LONGEST_MS,
  { error: "expected at most 596h, the limit of Node's timers" },
);

/** A timeout or interval: a duration greater than 0. */
export const positiveDuration = duration.refine((ms) => ms > 0, {
  error: "expected more than 0: a timeout of 0 would always expire",
});

/** A size such as `512B`, `16KiB` or `1MiB`, parsed to bytes. */
export const size = quantity(BYTES, "a size such as 512B, 16KiB or 1MiB").refine(
  (bytes) => bytes > 0 && Number.isSafeInteger(bytes),
  { error: "expected at least 1B and less than 2^53 bytes" },
);

function quantity(units: Readonly<Record<string, number>>, expected: string) {
  return z.string({ error: `expected ${expected}` }).transform((text, context) => {
    const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text) ?? [];
    const factor = unit === undefined ? undefined : units[unit];
    if (amount !== undefined && factor !== undefined) return Math.round(Number(amount) * factor);
    context.issues.push({
      code: "custom",
      input: text,
      message: `expected ${expected}, got ${JSON.stringify(text)}`,
    });
    return z.NEVER;
  });
}
