/**
 * Programs that must not compile: stages in another order, a request forwarded without a permit, forged
 * evidence. The type checker itself tests them, since an unused `@ts-expect-error` is an error.
 */
import type { Incoming, Permit, Permitted, Principal, Received, Tenant } from "../../src/core/context.ts";
import type { Stages } from "../../src/partners/pipeline.ts";

export async function wrongOrders(stages: Stages, incoming: Incoming, received: Received): Promise<void> {
  // @ts-expect-error -- a path that was not parsed
  await stages.authenticate(incoming);
  // @ts-expect-error -- a version before a key would reveal facts to unauthenticated clients
  stages.version(received);
  const authenticated = await stages.authenticate(received);
  // @ts-expect-error -- a tenant before a version
  await stages.resolveTenant(authenticated);
  const versioned = stages.version(authenticated);
  // @ts-expect-error -- a route before a tenant
  stages.route(versioned);
  const tenanted = await stages.resolveTenant(versioned);
  // @ts-expect-error -- a body before the route that needs one
  await stages.readBody(tenanted);
  const routed = stages.route(tenanted);
  // @ts-expect-error -- a permit before the body was validated
  await stages.authorise(routed);
  const bodied = await stages.readBody(routed);
  // @ts-expect-error -- a prepared request without a permit
  stages.prepare(bodied);
  const permitted = await stages.authorise(bodied);
  // @ts-expect-error -- a request forwarded without preparation
  await stages.forward(permitted);
  // @ts-expect-error -- a response without one of the CMS's
  stages.answer(stages.prepare(permitted));
}

export function madeUp(request: Permitted): void {
  // @ts-expect-error -- only authorise mints a permit
  const permit: Permit = { scope: [1] };
  // @ts-expect-error -- only authenticate mints a principal
  const principal: Principal = {
    userId: 1,
    tenantIds: [1],
    allTenants: true,
    roles: [],
    credential: request.principal.credential,
  };
  // @ts-expect-error -- only resolve-tenant mints a tenant
  const tenant: Tenant = { id: 1, slug: "a", installedApps: [] };
  // @ts-expect-error -- evidence cannot be replaced
  request.permit = permit;
  void [principal, tenant];
}
