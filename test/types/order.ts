/**
 * What must not compile: stages in another order, a request forwarded without leave, evidence made up. Checked by the
 * type checker itself, since an unused `@ts-expect-error` is an error.
 */
import type { Incoming, Permit, Permitted, Principal, Received, Tenant } from "../../src/core/context.ts";
import type { Stages } from "../../src/partners/pipeline.ts";

export async function wrongOrders(stages: Stages, incoming: Incoming, received: Received): Promise<void> {
  // @ts-expect-error -- a path that was not judged
  await stages.authenticate(incoming);
  // @ts-expect-error -- a version before a key: facts told to strangers
  stages.version(received);
  const authenticated = await stages.authenticate(received);
  // @ts-expect-error -- a tenant before a version
  await stages.resolveTenant(authenticated);
  const versioned = stages.version(authenticated);
  // @ts-expect-error -- a route before a tenant
  stages.route(versioned);
  const tenanted = await stages.resolveTenant(versioned);
  // @ts-expect-error -- a body before it is known that one is wanted
  await stages.readBody(tenanted);
  const routed = stages.route(tenanted);
  // @ts-expect-error -- leave before the body was judged
  await stages.authorise(routed);
  const bodied = await stages.readBody(routed);
  // @ts-expect-error -- preparing without a permit
  stages.prepare(bodied);
  const permitted = await stages.authorise(bodied);
  // @ts-expect-error -- forwarding what was not prepared
  await stages.forward(permitted);
  // @ts-expect-error -- an answer without one of the CMS's
  stages.answer(stages.prepare(permitted));
}

export function madeUp(request: Permitted): void {
  // @ts-expect-error -- a permit is minted by authorise alone
  const permit: Permit = { scope: [1] };
  // @ts-expect-error -- a principal is minted by authenticate alone
  const principal: Principal = {
    userId: 1,
    tenantIds: [1],
    allTenants: true,
    roles: [],
    credential: request.principal.credential,
  };
  // @ts-expect-error -- a tenant is minted by resolve-tenant alone
  const tenant: Tenant = { id: 1, slug: "a", installedApps: [] };
  // @ts-expect-error -- evidence cannot be swapped in place
  request.permit = permit;
  void [principal, tenant];
}
