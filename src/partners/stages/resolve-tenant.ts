import { mint } from "../../core/brand.ts";
import type { Principal, Tenant, Tenanted, TenantFacts, TenantRef, Versioned } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { valuesOf, type RawHeaders } from "../../core/headers.ts";
import type { Cms, CachedLookup, Viewer } from "../../core/ports.ts";

/**
 * The longest slug of a tenant, in characters. A lookup of a longer one would only make a URL too long for
 * the CMS.
 */
const LONGEST_SLUG = 256;

/** A tenant lookup: the reference to the tenant, and the viewer. */
export interface TenantQuestion {
  readonly ref: TenantRef;
  readonly viewer: Viewer;
}

export interface ResolveTenantDeps {
  readonly tenants: CachedLookup<TenantQuestion, TenantFacts>;
  readonly cms: Pick<Cms, "recordId">;
  readonly idHeader: string;
  readonly slugHeader: string;
  /** True if the current CMS serves the tenant of that slug under that version. */
  readonly isHome: (version: string, slug: string) => boolean;
}

/**
 * Finds the tenant of a request: the first of id header, slug header and path segment that resolves (section
 * 3 of the contract). A tenant that the principal is not a member of does not resolve, so that clients cannot
 * find out which tenants exist. Membership is decided on every request: the cache holds facts only, never
 * decisions.
 */
export function createResolveTenant(deps: ResolveTenantDeps) {
  return async (request: Versioned): Promise<Tenanted> => {
    const { note, principal, headers } = request;
    note.stage = "tenant";
    const named = {
      id: onlyValue(headers, deps.idHeader),
      header: onlyValue(headers, deps.slugHeader),
      path: request.path.segments[1],
    };
    if (named.id === undefined && named.header === undefined && named.path === undefined)
      throw new GatewayError("tenant.missing");
    const viewer = viewerOf(principal);
    for (const ref of referencesOf(named, principal, deps.cms)) {
      const { value: facts, via } = await deps.tenants.find({ ref, viewer }, request);
      note.tenantVia = via;
      if (facts === undefined || !isMember(principal, facts)) continue;
      // Another CMS serves this tenant. The record of it in this CMS is outdated, or not yet valid.
      if (!deps.isHome(request.version.name, facts.slug)) continue;
      note.tenant = facts.slug;
      return { ...request, tenant: mint<Tenant>(facts) };
    }
    throw new GatewayError("tenant.unknown");
  };
}

/**
 * Returns the viewer of a tenant lookup. A member sees its own tenants only: the cost of a refusal would
 * otherwise show which others exist.
 */
function viewerOf({ credential, userId, allTenants, tenantIds }: Principal): Viewer {
  const viewer = { credential, name: String(userId) };
  return allTenants ? viewer : { ...viewer, tenantIds };
}

/** Returns the references by which the client named a tenant, in the order in which they are tried. */
function referencesOf(
  named: {
    readonly id: string | undefined;
    readonly header: string | undefined;
    readonly path: string | undefined;
  },
  principal: Principal,
  cms: Pick<Cms, "recordId">,
): TenantRef[] {
  const references: TenantRef[] = [];
  if (named.id !== undefined) {
    const { id: spelling } = named;
    // A member's tenants are known, so any other id needs no lookup.
    const id = principal.allTenants
      ? cms.recordId(spelling, principal.userId)
      : principal.tenantIds.find((candidate) => String(candidate) === spelling);
    if (id !== undefined) references.push({ by: "id", id });
  }
  for (const slug of [named.header, named.path])
    if (slug !== undefined && slug.length <= LONGEST_SLUG) references.push({ by: "slug", slug });
  return references;
}

/**
 * Returns the one value of a header. Empty values count as absent. Two different values (in two lines or one
 * list) name no tenant.
 */
function onlyValue(headers: RawHeaders, name: string): string | undefined {
  const lines = valuesOf(headers, name);
  if (lines.length === 0) return undefined;
  const values = lines.flatMap((value) => value.split(",")).map((value) => value.trim());
  const distinct = new Set(values.filter((value) => value !== ""));
  if (distinct.size > 1) throw new GatewayError("tenant.unknown");
  return distinct.values().next().value;
}

function isMember(principal: Principal, facts: TenantFacts): boolean {
  return principal.allTenants || principal.tenantIds.some((id) => String(id) === String(facts.id));
}
