import { mint } from "../../core/brand.ts";
import type { Authenticated, Version, Versioned } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { endHeaders, versionState, type VersionEnd } from "../../core/version-end.ts";

export interface VersionDeps {
  readonly versions: readonly string[];
  readonly settings: Readonly<Record<string, VersionEnd>>;
  /** The time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
}

/**
 * Accepts a version of the configured list that has not reached its sunset; any other is `version.unsupported`, with
 * those that are left in the list's order. Asks the time on every request: a process outlives the day it started on.
 */
export function createVersion({ versions, settings, wallTime }: VersionDeps) {
  const known = new Map(
    versions.map((name) => {
      const end = settings[name] ?? {};
      return [name, { end, version: mint<Version>({ name, headers: endHeaders(end) }) }];
    }),
  );
  return (request: Authenticated): Versioned => {
    const { note } = request;
    note.stage = "version";
    const asked = request.path.segments[0] ?? "";
    const now = wallTime();
    const found = known.get(asked);
    if (found !== undefined) {
      // Noted after its sunset as well: who still calls it then is what an operator wants to know most.
      note.version = asked;
      note.versionState = versionState(found.end, now);
    }
    if (found === undefined || note.versionState === "sunset") {
      const left = versions.filter((name) => versionState(settings[name] ?? {}, now) !== "sunset");
      throw new GatewayError("version.unsupported", {
        params: { version: asked, supported: left.join(", ") },
      });
    }
    return { ...request, version: found.version };
  };
}
