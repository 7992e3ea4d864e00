import type { Mutant, Patch } from "./mutants.ts";

const QUERY = "cms/payload/query.ts";
const SIEVE = "cms/payload/record-sanitiser.ts";

/** Switches off the check for records outside the scope in responses. */
const BREACH_UNSEEN: Patch = {
  file: "cms/payload/answer.ts",
  find: "if (!sieve.passes(record, { collection, scope })) {",
  replace: "if (collection === undefined) {",
};

/** Mutants that reads alone must catch. */
export const READ_MUTANTS: readonly Mutant[] = [
  {
    name: "lists are not scoped",
    patches: [
      {
        file: QUERY,
        find: "const parts: Where[] = [tenantCondition(settings, scope)];",
        replace: "const parts: Where[] = [];",
      },
      BREACH_UNSEEN,
    ],
    blocks: ["where"],
  },
  {
    name: "single reads are not scoped",
    patches: [
      {
        file: QUERY,
        find: "{ and: [{ id: { equals: context.id } }, tenantCondition(context.settings, context.scope)] }",
        replace: "{ id: { equals: context.id } }",
      },
      BREACH_UNSEEN,
    ],
    blocks: ["ids"],
  },
  {
    name: "a client's where is merged with the scope instead of nested",
    patches: [
      {
        file: QUERY,
        find: "JSON.stringify({ and: parts }));\n  const { limit, page, unpaged }",
        replace: "JSON.stringify(Object.assign({}, ...parts)));\n  const { limit, page, unpaged }",
      },
      BREACH_UNSEEN,
    ],
    blocks: ["where"],
  },
  {
    name: "a where that does not parse is ignored",
    patches: [
      {
        file: "core/where.ts",
        find: 'const NOTHING = { kind: "nothing" } as const;',
        replace: 'const NOTHING = { kind: "none" } as const;',
      },
    ],
    blocks: ["where"],
  },
  {
    name: "where accepts paths into other records",
    patches: [
      {
        file: "core/where.ts",
        find: 'if (path.includes(".") && !limits.ownPaths.has(path)) return false;',
        replace: "",
      },
    ],
    blocks: ["oracles"],
  },
  {
    name: "where accepts nested queries as values",
    patches: [
      {
        file: "core/where.ts",
        find: 'if (kind === "geometry") return isGeometry(value);',
        replace: 'if (isObject(value) || kind === "geometry") return true;',
      },
    ],
    blocks: ["oracles"],
  },
  {
    name: "sort is not filtered",
    patches: [
      {
        file: QUERY,
        find: 'const field = ownField(name.replace(/^-/, ""), limits);',
        replace: 'const field = limits === undefined ? undefined : name.replace(/^-/, "");',
      },
    ],
    blocks: ["oracles"],
  },
  {
    name: "population is not filtered",
    patches: [
      {
        file: SIEVE,
        find: "if (!this.#mayReturn(record, collection, at)) return relatedId(record) ?? null;",
        replace: "",
      },
    ],
    blocks: ["shape"],
  },
  {
    name: "a selection may hide a record's tenant",
    patches: [
      {
        file: "cms/payload/selection.ts",
        find: "yield [name, showTenant(selection, settings.cms.tenantField)];",
        replace: "yield [name, selection];",
      },
      {
        file: "cms/payload/owners.ts",
        find: 'return ownership === "unseen" && isOpen ? "ours" : ownership;',
        replace: 'return ownership === "unseen" || isOpen ? "ours" : ownership;',
      },
    ],
    blocks: ["shape"],
  },
  {
    name: "a selection may hide the main record's tenant, and lists with one are not scoped",
    patches: [
      {
        file: QUERY,
        find: "const parts: Where[] = [tenantCondition(settings, scope)];",
        replace:
          'const parts: Where[] = asked["select"] === undefined ? [tenantCondition(settings, scope)] : [];',
      },
      {
        file: QUERY,
        find: "chosen === undefined ? undefined : showFields(chosen, seen)",
        replace: "chosen ?? (seen.length > 99 ? showFields({}, seen) : undefined)",
      },
      {
        file: SIEVE,
        find: 'return this.#owners.of(record, scope) === "ours" || this.#tripwire.letsBreach("main", collection);',
        replace:
          'return this.#owners.of(record, scope) !== "foreign" || this.#tripwire.letsBreach("main", collection);',
      },
    ],
    blocks: ["shape"],
  },
  {
    name: "joins are returned unchecked",
    patches: [
      { file: SIEVE, find: "return this.#join(value, at);", replace: "return value;" },
      {
        file: QUERY,
        find: 'else parameters.add(name, ids.join(","));',
        replace: "",
      },
    ],
    blocks: ["shape"],
  },
  {
    name: "an id is read as the CMS reads it",
    patches: [
      {
        file: "cms/payload/ids.ts",
        find: "/^[1-9][0-9]{0,15}$/.test(spelling) ? Number(spelling) : Number.NaN",
        replace: "Number.parseFloat(decodeURIComponent(spelling))",
      },
    ],
    blocks: ["ids"],
  },
  {
    name: "the CMS's reserved words are ids",
    patches: [
      {
        file: "cms/payload/ids.ts",
        find: "return RESERVED.has(spelling.toLowerCase());",
        replace: 'return RESERVED.has(spelling) && spelling === "";',
      },
    ],
    blocks: ["ids"],
  },
  {
    name: "a HEAD is not scoped",
    patches: [
      {
        file: "partners/stages/authorise.ts",
        find: "permit(readScope(tenant, operation.collection))",
        replace: 'permit(request.method === "HEAD" ? [1, 2, 3, 4] : readScope(tenant, operation.collection))',
      },
      BREACH_UNSEEN,
    ],
    blocks: ["head"],
  },
  {
    name: "a foreign record is not answered as a missing one",
    patches: [
      {
        file: "cms/payload/answer.ts",
        find: "if (record === undefined && matchesNothing(job)) throw nothingMatched(job);",
        replace:
          'if (record === undefined) throw new GatewayError(Number(job.permit.recordId) < 1e6 ? "key.forbidden" : "document.unknown");',
      },
    ],
    blocks: ["ids"],
  },
];
