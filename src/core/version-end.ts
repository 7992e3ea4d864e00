/** When a version ends, and where that is explained. Dates as ISO 8601. */
export interface VersionEnd {
  readonly deprecation?: string | undefined;
  readonly sunset?: string | undefined;
  readonly link?: string | undefined;
}

/** `deprecated`: its Deprecation date has come; `sunset`: it is not supported any more. */
export type VersionState = "current" | "deprecated" | "sunset";

/** Where a version is in its life at `now`, the time of day in milliseconds since 1970. */
export function versionState({ deprecation, sunset }: VersionEnd, now: number): VersionState {
  if (sunset !== undefined && now >= Date.parse(sunset)) return "sunset";
  return deprecation !== undefined && now >= Date.parse(deprecation) ? "deprecated" : "current";
}

/** `Deprecation` is a structured date (RFC 9745, 2.1), `Sunset` an HTTP-date (RFC 8594, 3), each with its `Link`. */
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
    // As URLs are written in full: what a person types may not fit into a header.
    const { href } = new URL(link);
    headers["link"] = links.map((relation) => `<${href}>; rel="${relation}"; type="text/html"`).join(", ");
  }
  return headers;
}
