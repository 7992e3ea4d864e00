import type { Incoming } from "../../core/context.ts";
import { valuesOf } from "../../core/headers.ts";

/** Which CMS serves whom. Names of upstreams. */
export interface UpstreamRoutes {
  /** The one of whatever is named nowhere else. */
  readonly fallback: string;
  readonly versions: ReadonlyMap<string, string>;
  /** Tenants by slug. */
  readonly tenants: ReadonlyMap<string, string>;
  readonly slugHeader: string;
}

/** The CMS that a request is for, and the one that its version would have it be for. */
export interface Choice {
  readonly upstream: string;
  readonly ofVersion: string;
}

/** Where a tenant is at home under a version, known or not: where it is pinned to, else where its version is. */
export function upstreamFor(
  { fallback, versions, tenants }: UpstreamRoutes,
  version: string,
  slug: string,
): string {
  return tenants.get(slug) ?? versions.get(version) ?? fallback;
}

/**
 * Chooses the CMS of a request by the names that stand in it, before anything of it is known to be true: whose key it
 * is has to be asked somewhere. A guess that gives nothing away: what does not exist goes where its version goes.
 */
export function createChooseUpstream(homes: UpstreamRoutes) {
  return ({ target, headers }: Pick<Incoming, "target" | "headers">): Choice => {
    if (target.kind !== "partners") return { upstream: homes.fallback, ofVersion: homes.fallback };
    const [version = "", segment = ""] = target.path.segments;
    return {
      upstream: upstreamFor(homes, version, firstOf(valuesOf(headers, homes.slugHeader)) ?? segment),
      ofVersion: homes.versions.get(version) ?? homes.fallback,
    };
  };
}

/** The first way of naming a tenant by its slug, as `resolveTenant` has them in order. */
function firstOf(lines: readonly string[]): string | undefined {
  if (lines.length === 0) return undefined;
  return lines
    .flatMap((value) => value.split(","))
    .map((value) => value.trim())
    .find((value) => value !== "");
}
