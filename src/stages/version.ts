import { mint } from "../core/brand.ts";
import type { Authenticated, Version, Versioned } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";

/** When a version ends, and where that is explained. Dates as ISO 8601. */
export interface VersionDates {
  readonly deprecation?: string | undefined;
  readonly sunset?: string | undefined;
  readonly link?: string | undefined;
}

export interface VersionDeps {
  readonly versions: readonly string[];
  readonly dates: Readonly<Record<string, VersionDates>>;
}

/** Accepts a version of the configured list; any other is `version.unsupported`, with the list in its order. */
export function createVersion(deps: VersionDeps) {
  const known = new Map(
    deps.versions.map((name) => [name, mint<Version>({ name, headers: headersOf(deps.dates[name] ?? {}) })]),
  );
  const supported = deps.versions.join(", ");
  return (request: Authenticated): Versioned => {
    request.note.stage = "version";
    const asked = request.path.segments[0] ?? "";
    const version = known.get(asked);
    if (version === undefined)
      throw new GatewayError("version.unsupported", { params: { version: asked, supported } });
    request.note.version = version.name;
    return { ...request, version };
  };
}

/** `Deprecation` is a structured date (RFC 9745, 2.1), `Sunset` an HTTP-date (RFC 8594, 3), each with its `Link`. */
function headersOf({ deprecation, sunset, link }: VersionDates): Record<string, string> {
  const headers: Record<string, string> = {};
  const links: string[] = [];
  if (deprecation !== undefined) {
    headers["deprecation"] = `@${Math.floor(Date.parse(deprecation) / 1_000)}`;
    links.push("deprecation");
  }
  if (sunset !== undefined) {
    headers["sunset"] = new Date(sunset).toUTCString();
    links.push("sunset");
  }
  if (link !== undefined && links.length > 0) {
    headers["link"] = links.map((relation) => `<${link}>; rel="${relation}"; type="text/html"`).join(", ");
  }
  return headers;
}
