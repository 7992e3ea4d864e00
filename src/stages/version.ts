import { mint } from "../core/brand.ts";
import type { Authenticated, Version, Versioned } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";

/** Accepts a version of the configured list; any other is `version.unsupported`, with the list in its order. */
export function createVersion(deps: { readonly versions: readonly string[] }) {
  const known = new Map(deps.versions.map((name) => [name, mint<Version>({ name })]));
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
