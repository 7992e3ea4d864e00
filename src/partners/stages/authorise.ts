import { mint } from "../../core/brand.ts";
import type { Bodied, Permit, Permitted, RecordId } from "../../core/context.ts";
import { GatewayError, toGatewayError } from "../../core/errors.ts";
import { readScope } from "../../core/scope.ts";
import type { BodyRef, Cms } from "../../core/ports.ts";

/**
 * Mints the permit to forward. A read covers the tenant, and its group for the collections that it shares. A
 * create covers the tenant. A write covers a record that the CMS has just reported as the tenant's own. A
 * foreign record, a spelling that is not an id and a missing record are the same `document.unknown`. In a
 * body's declared relations they are the same `document.invalid`.
 */
export function createAuthorise(deps: { readonly cms: Pick<Cms, "inspect" | "recordId" | "outsiders"> }) {
  /** Rejects if the body refers to a record that the tenant may not read. */
  const checkReferences = async (
    body: Omit<BodyRef, "fields" | "version">,
    request: Bodied,
  ): Promise<void> => {
    const { fields, principal, version } = request;
    if (fields === undefined) return;
    const paths = await deps.cms.outsiders({ ...body, version: version.name, fields }, principal, request);
    if (paths.length > 0) throw outsideScope(paths);
  };
  return async (request: Bodied): Promise<Permitted> => {
    const { operation, tenant, principal } = request;
    request.note.stage = "authorise";
    if (operation.kind === "list")
      return { ...request, permit: permit(readScope(tenant, operation.collection)) };
    if (operation.kind === "create") {
      await checkReferences({ collection: operation.collection, tenant }, request);
      return { ...request, permit: permit([tenant.id]) };
    }
    const { collection } = operation;
    const id = deps.cms.recordId(operation.id, tenant.id, collection);
    if (id === undefined) throw new GatewayError("document.unknown");
    if (operation.kind === "read") return { ...request, permit: permit(readScope(tenant, collection), id) };
    // Both lookups run at the same time, so a write with relations takes no longer than one without. The
    // record's own answer takes precedence.
    const referencesChecked = checkReferences({ collection, id, tenant }, request).then(
      () => undefined,
      (thrown: unknown) => toGatewayError(thrown),
    );
    const { fields, version } = request;
    const record = { collection, id, tenant, version: version.name, fields };
    const revisions = await deps.cms.inspect(record, principal, request);
    if (revisions === undefined) throw new GatewayError("document.unknown");
    const refused = await referencesChecked;
    if (refused !== undefined) throw refused;
    return { ...request, permit: mint<Permit>({ scope: [tenant.id], recordId: id, revisions }) };
  };
}

/** Builds an error with the same text for another tenant's record and for a missing one. */
function outsideScope(paths: readonly string[]): GatewayError {
  const message = "This relationship leads to no record that can be used here.";
  return new GatewayError("document.invalid", { fields: paths.map((path) => ({ path, message })) });
}

function permit(scope: readonly RecordId[], recordId?: RecordId): Permit {
  return mint<Permit>(recordId === undefined ? { scope } : { scope, recordId });
}
