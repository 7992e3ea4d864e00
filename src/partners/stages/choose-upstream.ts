import type { Incoming } from "../../core/context.ts";
import { valuesOf } from "../../core/headers.ts";

/** The upstreams of versions and tenants, by name. */
export interface UpstreamRoutes {
  /** The upstream of every other version and tenant. */
  readonly fallback: string;
  readonly versions: ReadonlyMap<string, string>;
  /** By the tenant's slug. */
  readonly tenants: ReadonlyMap<string, string>;
  readonly slugHeader: string;
}

/** The upstream of a request, and the upstream that its version alone would give. */
export interface Choice {
  readonly upstream: string;
  readonly ofVersion: string;
}

/**
 * Returns the upstream of a tenant under a version, whether the tenant exists or not: its own, or else the
 * version's.
 */
export function upstreamFor(
  { fallback, versions, tenants }: UpstreamRoutes,
  version: string,
  slug: string,
): string {
  return tenants.get(slug) ?? versions.get(version) ?? fallback;
}

/**
 * Chooses the upstream of a request by its version and slug, before the key is verified: some upstream has to
 * verify it. The choice reveals nothing, since unknown tenants go to the upstream of their version.
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

/** Returns the first slug in the slug header, in the order that `resolveTenant` uses. */
function firstOf(lines: readonly string[]): string | undefined {
  if (lines.length === 0) return undefined;
  return lines
    .flatMap((value) => value.split(","))
    .map((value) => value.trim())
    .find((value) => value !== "");
}
