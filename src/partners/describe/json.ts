/** A part of the document. */
export type Json = Readonly<Record<string, unknown>>;

/** The kinds of operations. `describe` requests the document itself. */
export type OperationKind = "list" | "read" | "create" | "update" | "delete" | "describe";

/** Returns a reference to a component of the document. */
export function ref(kind: "schemas" | "parameters" | "responses" | "headers", name: string): Json {
  return { $ref: `#/components/${kind}/${name}` };
}
