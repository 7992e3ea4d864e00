import type { Json } from "./json.ts";
import { ref } from "./json.ts";

const COUNT = { type: "integer", minimum: 0 };
const MAYBE_PAGE = { type: ["integer", "null"], minimum: 1 };

/**
 * The schemas of requests and answers. A document lists only the fields that every collection has; the CMS
 * defines the others.
 */
export const SCHEMAS: Readonly<Record<string, Json>> = {
  Document: {
    type: "object",
    required: ["id"],
    properties: {
      id: { type: ["string", "integer"] },
      createdAt: { type: "string", format: "date-time" },
      updatedAt: { type: "string", format: "date-time" },
    },
    additionalProperties: true,
  },
  List: {
    type: "object",
    required: ["docs", "totalDocs", "limit", "totalPages", "pagingCounter", "hasPrevPage", "hasNextPage"],
    properties: {
      docs: { type: "array", items: ref("schemas", "Document") },
      totalDocs: COUNT,
      limit: COUNT,
      totalPages: COUNT,
      page: { type: "integer", minimum: 1 },
      pagingCounter: COUNT,
      hasPrevPage: { type: "boolean" },
      hasNextPage: { type: "boolean" },
      prevPage: MAYBE_PAGE,
      nextPage: MAYBE_PAGE,
    },
    additionalProperties: false,
  },
  Create: {
    type: "object",
    description: "The document's fields. The tenant is set by the gateway.",
    additionalProperties: true,
  },
  Update: {
    type: "object",
    description: "The fields to change. The tenant and the id stay as they are.",
    properties: {
      ifUpdatedAt: {
        type: "string",
        format: "date-time",
        description: "The `updatedAt` that the document must still have; otherwise 409.",
      },
    },
    additionalProperties: true,
  },
  Error: {
    type: "object",
    required: ["error", "message", "requestId"],
    properties: {
      error: { type: "string" },
      message: { type: "string" },
      requestId: { type: "string", format: "uuid", description: "Equals the x-request-id header." },
    },
  },
  ValidationError: {
    allOf: [
      ref("schemas", "Error"),
      {
        type: "object",
        required: ["errors"],
        properties: {
          errors: {
            type: "array",
            items: {
              type: "object",
              required: ["path", "message"],
              properties: { path: { type: "string" }, message: { type: "string" } },
            },
          },
        },
      },
    ],
  },
};
