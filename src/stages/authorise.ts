import { mint } from "../core/brand.ts";
import type { Bodied, Permit, Permitted, RecordId } from "../core/context.ts";
import { GatewayError } from "../core/errors.ts";
import { readScope } from "../core/scope.ts";
import type { Cms } from "../core/ports.ts";

/**
 * Gives leave to forward: reads within the tenant (and its group, for what that shares), creates in the tenant, writes
 * to a record that the CMS has just said is the tenant's own. A record that is not, a spelling that is no id and a
 * missing one are the same `document.unknown`.
 */
export function createAuthorise(deps: { readonly cms: Pick<Cms, "owns" | "recordId"> }) {
  return async (request: Bodied): Promise<Permitted> => {
    const { operation, tenant, principal } = request;
    request.note.stage = "authorise";
    if (operation.kind === "list")
      return { ...request, permit: permit(readScope(tenant, operation.collection)) };
    if (operation.kind === "create") return { ...request, permit: permit([tenant.id]) };
    const { collection } = operation;
    const id = deps.cms.recordId(operation.id, tenant.id, collection);
    if (id === undefined) throw new GatewayError("document.unknown");
    if (operation.kind === "read") return { ...request, permit: permit(readScope(tenant, collection), id) };
    const isOwn = await deps.cms.owns({ collection, id, tenant }, principal, request);
    if (!isOwn) throw new GatewayError("document.unknown");
    return { ...request, permit: permit([tenant.id], id) };
  };
}

function permit(scope: readonly RecordId[], recordId?: RecordId): Permit {
  return mint<Permit>(recordId === undefined ? { scope } : { scope, recordId });
}
