import type { Operation, Routed, Tenanted } from "../../core/context.ts";
import { GatewayError } from "../../core/errors.ts";
import type { Cms } from "../../core/ports.ts";

export interface RouteDeps {
  readonly cms: Pick<Cms, "isReservedId">;
  readonly collections: readonly string[];
}

/**
 * Determines the operation from the method and the segments (section 1 of the contract). Only exposed
 * collections exist.
 */
export function createRoute(deps: RouteDeps) {
  const exposed = new Set(deps.collections);
  return (request: Tenanted): Routed => {
    const { note, method } = request;
    note.stage = "route";
    const [, , collection, id] = request.path.segments;
    if (collection === undefined) throw new GatewayError("collection.missing");
    if (!exposed.has(collection)) throw new GatewayError("route.unknown");
    note.collection = collection;
    if (id !== undefined && deps.cms.isReservedId(id)) throw new GatewayError("route.unknown");
    const operation = operationOf(method, collection, id);
    note.operation = operation.kind;
    return { ...request, operation };
  };
}

/** Maps a method to an operation. PUT means PATCH: the CMS has no PUT, and partners may use either. */
function operationOf(method: string, collection: string, id: string | undefined): Operation {
  if (id === undefined) {
    if (method === "GET" || method === "HEAD") return { kind: "list", collection };
    if (method === "POST") return { kind: "create", collection };
    throw new GatewayError("id.missing");
  }
  if (method === "GET" || method === "HEAD") return { kind: "read", collection, id };
  if (method === "PATCH" || method === "PUT") return { kind: "update", collection, id };
  if (method === "DELETE") return { kind: "delete", collection, id };
  throw new GatewayError("route.unknown");
}
