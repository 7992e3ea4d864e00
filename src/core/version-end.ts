/** The end of a version: its dates (ISO 8601) and the page that explains it. */
export interface VersionEnd {
  readonly deprecation?: string | undefined;
  readonly sunset?: string | undefined;
  readonly link?: string | undefined;
}

/** The state of a version. `deprecated`: after its Deprecation date. `sunset`: no longer supported. */
export type VersionState = "current" | "deprecated" | "sunset";

/** Returns the state of a version at `now`, in milliseconds since 1970. */
export function versionState({ deprecation, sunset }: VersionEnd, now: number): VersionState {
  if (sunset !== undefined && now >= Date.parse(sunset)) return "sunset";
  return deprecation !== undefined && now >= Date.parse(deprecation) ? "deprecated" : "current";
}

/**
 * Returns `Deprecation` (a structured date, RFC 9745, 2.1), `Sunset` (an HTTP-date, RFC 8594, 3) and their
 * `Link`.
 */
export function endHeaders({ deprecation, sunset, link }: VersionEnd): Record<string, string> {
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
    // `href` is the serialised URL: the configured text may have characters that a header must not contain.
    const { href } = new URL(link);
    headers["link"] = links.map((relation) => `<${href}>; rel="${relation}"; type="text/html"`).join(", ");
  }
  return headers;
}
