import { mint } from "../../core/brand.ts";
import type { Principal, Tenant, Tenanted, TenantFacts, TenantRef, Versioned } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import { valuesOf, type RawHeaders } from "../../core/headers.ts";
import type { Cms, Facts, Viewer } from "../../core/ports.ts";

/** No tenant's slug is longer, in characters: to ask for one would only end in a URL that is too long for the CMS. */
const LONGEST_SLUG = 256;

/** A question for a tenant: which, and who asks. */
export interface TenantQuestion {
  readonly ref: TenantRef;
  readonly viewer: Viewer;
}

export interface ResolveTenantDeps {
  readonly tenants: Facts<TenantQuestion, TenantFacts>;
  readonly cms: Pick<Cms, "recordId">;
  readonly idHeader: string;
  readonly slugHeader: string;
  /** True where the tenant of that slug is, under that version, served by the CMS that is asked. */
  readonly isHome: (version: string, slug: string) => boolean;
}

/**
 * Finds the tenant that the request acts for: id header, slug header, path segment, the first that resolves (section 3
 * of the contract). A tenant of which the principal is no member does not exist for it, so that nobody can find out
 * which tenants there are. Membership is decided on every request; only facts are remembered, never verdicts.
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
      // Another CMS's tenant, of which this one knows too: what it says of it is old, or not yet true.
      if (!deps.isHome(request.version.name, facts.slug)) continue;
      note.tenant = facts.slug;
      return { ...request, tenant: mint<Tenant>(facts) };
    }
    throw new GatewayError("tenant.unknown");
  };
}

/** A member sees its own tenants only: what a refusal costs would else tell which others there are. */
function viewerOf({ credential, userId, allTenants, tenantIds }: Principal): Viewer {
  const viewer = { credential, name: String(userId) };
  return allTenants ? viewer : { ...viewer, tenantIds };
}

/** The ways in which the client named a tenant, in the order in which they are tried. */
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
    // A member's tenants are known, so an id that is none of them needs no question to the CMS.
    const id = principal.allTenants
      ? cms.recordId(spelling, principal.userId)
      : principal.tenantIds.find((candidate) => String(candidate) === spelling);
    if (id !== undefined) references.push({ by: "id", id });
  }
  for (const slug of [named.header, named.path])
    if (slug !== undefined && slug.length <= LONGEST_SLUG) references.push({ by: "slug", slug });
  return references;
}

/** The one value of a header; empty counts as absent, two different ones (in two lines or one list) name no tenant. */
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
