import { mint } from "../../core/brand.ts";
import type { Authenticated, Version, Versioned } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { endHeaders, versionState, type VersionEnd } from "../../core/version-end.ts";

export interface VersionDeps {
  readonly versions: readonly string[];
  readonly settings: Readonly<Record<string, VersionEnd>>;
  /** Returns the time of day in milliseconds since 1970. */
  readonly wallTime: () => number;
}

/**
 * Accepts a configured version before its sunset. Any other is `version.unsupported`, with the remaining
 * versions in the configured order. The time is read on every request, since a process may run past a sunset.
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
      // Noted after the sunset as well, since operators need to see which clients still use the version.
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
