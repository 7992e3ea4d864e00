import type { CollectionConfig, Payload } from "payload";

import { APIError, Forbidden, Locked, NotFound, ValidationError } from "../cms/payload.ts";

/** The errors that a record of `works` can make its hooks throw: the classes that projects' hooks use. */
export const REFUSALS: Readonly<Record<string, () => Error>> = {
  "public 400": () => new APIError("A text of the CMS", 400, null, true),
  "public 409": () => new APIError("A text of the CMS", 409, null, true),
  "public 410": () => new APIError("A text of the CMS", 410, null, true),
  "public 422": () => new APIError("A text of the CMS", 422, { secret: "data of the CMS" }, true),
  "public 429": () => new APIError("A text of the CMS", 429, null, true),
  "private 403": () => new APIError("A text of the CMS", 403, null, false),
  forbidden: () => new Forbidden(),
  locked: () => new Locked("A text of the CMS"),
  missing: () => new NotFound(),
  validation: () =>
    new ValidationError({
      collection: "works",
      errors: [{ message: "No such size", path: "sizes.0.width" }],
    }),
  "public 500": () => new APIError("A text of the CMS", 500, null, true),
  error: () => new Error("A text of the CMS"),
};

function refuse(order: unknown): void {
  const make = typeof order === "string" && Object.hasOwn(REFUSALS, order) ? REFUSALS[order] : undefined;
  if (make !== undefined) throw make();
}

/** The calls of hooks: `operation id`, in turn. */
export const HEARD: string[] = [];

function routeId(req: { readonly routeParams?: Record<string, unknown> | undefined }): unknown {
  return req.routeParams?.["id"];
}

/** A collection whose hooks and access rules read all of their arguments. */
export const works: CollectionConfig = {
  slug: "works",
  trash: true,
  access: { update: ({ id }) => Boolean(id), delete: ({ id }) => Boolean(id) },
  hooks: {
    beforeOperation: [
      ({ args, operation, req }) => {
        if (operation === "update" || operation === "delete")
          HEARD.push(`${operation} ${String("id" in args && args.id)} ${String(routeId(req))}`);
      },
    ],
    beforeChange: [({ data }) => refuse(data["refusal"])],
    beforeDelete: [
      async ({ id, req }) => {
        const { payload } = req;
        const { deletion } = await byId(payload, id);
        refuse(deletion);
      },
    ],
    afterOperation: [
      ({ operation, result }) => {
        HEARD.push(`after ${operation}`);
        return result;
      },
    ],
  },
  fields: [
    { name: "title", type: "text", required: true, label: { en: "The work, by name", de: "Das Werk" } },
    { name: "code", type: "text", unique: true },
    { name: "refusal", type: "text" },
    { name: "deletion", type: "text" },
    { name: "sizes", type: "array", fields: [{ name: "width", type: "number", required: true }] },
    {
      name: "layout",
      type: "blocks",
      blocks: [
        {
          slug: "cta",
          labels: { singular: "Call, to act", plural: "Calls" },
          fields: [{ name: "heading", type: "text", required: true, label: "Big heading, please" }],
        },
      ],
    },
  ],
};

function byId(payload: Payload, id: string | number): Promise<Record<string, unknown>> {
  return payload.findByID({ collection: "works", id, depth: 0 });
}
