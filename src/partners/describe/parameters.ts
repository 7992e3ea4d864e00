import type { Config } from "../../config/schema.ts";
import { ref, type Json } from "./json.ts";

/** The parameters of the document. A test executes the examples. */

const SHAPE = ["depth", "locale", "fallbackLocale", "draft", "select"];

/** Builds every parameter, by its name in the components. */
export function parameters(config: Config): Readonly<Record<string, Json>> {
  const { limits, partners } = config;
  const { tenantIdHeader, tenantSlugHeader } = partners;
  return {
    tenant: {
      name: "tenant",
      in: "path",
      required: true,
      description: `The tenant's slug. A tenant header that resolves outranks it.`,
      schema: { type: "string" },
    },
    id: { name: "id", in: "path", required: true, schema: { type: ["string", "integer"] } },
    tenantId: header(tenantIdHeader, "The tenant's id; outranks the slug."),
    tenantSlug: header(tenantSlugHeader, "The tenant's slug; outranks the path."),
    limit: query("limit", {
      description: `Documents per page. 0 and values above ${limits.page} mean ${limits.page}.`,
      schema: { type: "integer", minimum: 0, maximum: limits.page, default: Math.min(10, limits.page) },
      example: 5,
    }),
    page: query("page", { schema: { type: "integer", minimum: 1, default: 1 }, example: 2 }),
    pagination: query("pagination", {
      description: `\`false\` gives the first ${limits.page} documents, or the \`page\` of \`limit\` documents, without a count.`,
      schema: { type: "boolean", default: true },
      example: false,
    }),
    sort: query("sort", {
      description:
        "Fields of the document itself, separated by commas; `-` before a field reverses its order.",
      schema: { type: "string" },
      example: "-id",
    }),
    where: query("where", {
      description:
        "A condition on fields of the document itself, as JSON (or in brackets: `where[title][equals]=x`). Operators " +
        "are equals, contains, greater_than, greater_than_equal, less_than, less_than_equal, and, or, and the CMS's " +
        `other comparisons. At most ${limits.whereConditions} conditions, with and/or nested at most ` +
        `${limits.whereDepth} deep. A condition that cannot be read matches nothing.`,
      schema: { type: "string" },
      example: '{"and":[{"id":{"exists":true}}]}',
    }),
    ...shapeParameters(limits.depth),
    ...Object.fromEntries(
      partners.collections.map((slug) => [
        `populate.${slug}`,
        selection(`populate[${slug}]`, `Like select, for populated documents of ${slug}.`),
      ]),
    ),
  };
}

/** Builds the parameters that shape an answer, for every operation. */
function shapeParameters(maxDepth: number): Readonly<Record<string, Json>> {
  return {
    depth: query("depth", {
      description: `The depth to which relations are populated. Larger values mean ${maxDepth}.`,
      schema: { type: "integer", minimum: 0, maximum: maxDepth, default: maxDepth },
      example: 0,
    }),
    locale: query("locale", { description: "The language of localised fields.", schema: { type: "string" } }),
    fallbackLocale: query("fallbackLocale", {
      description: "The language of localised fields that have no text in `locale`.",
      schema: { type: "string" },
    }),
    draft: query("draft", {
      description: "Read the latest draft, or write one.",
      schema: { type: "boolean", default: false },
      example: false,
    }),
    select: selection("select", "The fields that the answer includes (true) or excludes (false)."),
  };
}

/** Returns the parameters of every operation of a path; `isOne` if the path has an id. */
export function sharedParameters(config: Config, isOne: boolean): readonly Json[] {
  const populate = config.partners.collections.map((slug) => `populate.${slug}`);
  const names = ["tenant", ...(isOne ? ["id"] : []), "tenantId", "tenantSlug", ...SHAPE, ...populate];
  return names.map((name) => ref("parameters", name));
}

/** The additional parameters of a list. */
export const LIST_PARAMETERS: readonly Json[] = ["limit", "page", "pagination", "sort", "where"].map((name) =>
  ref("parameters", name),
);

function query(name: string, rest: Json): Json {
  return { name, in: "query", ...rest };
}

function header(name: string, description: string): Json {
  return { name, in: "header", description, schema: { type: "string" } };
}

function selection(name: string, description: string): Json {
  const schema = { type: "object", additionalProperties: { type: "boolean" } };
  return query(name, { description, style: "deepObject", explode: true, schema, example: { id: true } });
}
