import * as z from "zod";

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824 };

/** What Node's timers can count to: a longer one ends at once. 596 hours. */
const LONGEST_MS = 2_147_483_647;

/** A duration such as `250ms`, `15s`, `5m` or `1h`; becomes milliseconds. */
export const duration = quantity(MILLISECONDS, "a duration such as 250ms, 15s, 5m or 1h").refine(
  (ms) => ms <= LONGEST_MS,
  { error: "expected 596h at the most, which is what timers can count" },
);

/** A duration that something may take: with none at all it could only fail. */
export const patience = duration.refine((ms) => ms > 0, {
  error: "expected more than nothing: it would always be over",
});

/** A size such as `512B`, `16KiB` or `1MiB`; becomes bytes. */
export const size = quantity(BYTES, "a size such as 512B, 16KiB or 1MiB").refine(
  (bytes) => bytes > 0 && Number.isSafeInteger(bytes),
  { error: "expected at least 1B, and a size that there can be" },
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
