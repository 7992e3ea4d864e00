/** A part of the document. */
export type Json = Readonly<Record<string, unknown>>;

/** What a partner can do. `describe` is asking for the document itself. */
export type JsonType = "list" | "read" | "create" | "update" | "delete" | "describe";

/** A reference into the document's components. */
export function ref(kind: "schemas" | "parameters" | "responses" | "headers", name: string): Json {
  return { $ref: `#/components/${kind}/${name}` };
}
