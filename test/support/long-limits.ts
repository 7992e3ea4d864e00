import { isObject } from "../../src/core/json.ts";

/** Settings of a gateway by section, as in the YAML file. */
type Limits = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** `settings` with the limits of `long` where they set none. */
export function withLimits(
  settings: Readonly<Record<string, unknown>>,
  long: Limits,
): Record<string, unknown> {
  const merged = { ...settings };
  for (const [section, limits] of Object.entries(long)) {
    const given = settings[section];
    merged[section] = { ...limits, ...(isObject(given) ? given : {}) };
  }
  return merged;
}
