import type { Mutant } from "./mutants.ts";

const BODY = "cms/payload/body.ts";
const SIEVE = "cms/payload/record-sanitiser.ts";
const AUTHORISE = "partners/stages/authorise.ts";

/** The ownership lookup before every write. */
const REVISIONS = "cms/payload/revisions.ts";

/** Mutants that only a proof that may write can catch. */
export const WRITE_MUTANTS: readonly Mutant[] = [
  {
    name: "the body's tenant is kept",
    patches: [
      { file: BODY, find: "name === tenantField || ", replace: "" },
      {
        file: BODY,
        find: "if (target.isNew) kept[tenantField] = target.tenantId;",
        replace: "if (target.isNew) kept[tenantField] ??= target.tenantId;",
      },
    ],
    blocks: ["create", "update"],
  },
  {
    name: "dotted keys are kept",
    patches: [{ file: BODY, find: "/[.[\\]]/.test(name)", replace: 'name === ""' }],
    blocks: ["update"],
  },
  {
    name: "updates do not look up the record's tenant",
    patches: [
      {
        file: REVISIONS,
        find: "const condition = { and: [{ id: { equals: id } }, tenantCondition(settings, [tenant.id])] };",
        replace: "const condition = { id: { equals: id } };",
      },
      {
        file: REVISIONS,
        find: "if (main === undefined || !isOurs(main)) return undefined;",
        replace: "if (main === undefined) return undefined;",
      },
    ],
    blocks: ["trespass"],
  },
  {
    name: "deletes do not look up the record's tenant",
    patches: [
      {
        file: AUTHORISE,
        find: "if (revisions === undefined) throw",
        replace: 'if (revisions === undefined && operation.kind !== "delete") throw',
      },
    ],
    blocks: ["trespass"],
  },
  {
    name: "writes reach as far as reads: the whole group",
    patches: [
      {
        file: REVISIONS,
        find: "tenantCondition(settings, [tenant.id])] }",
        replace: "tenantCondition(settings, tenant.group?.memberIds ?? [tenant.id])] }",
      },
      {
        file: REVISIONS,
        find: "if (main === undefined || !isOurs(main)) return undefined;",
        replace: "if (main === undefined) return undefined;",
      },
    ],
    blocks: ["trespass"],
    inGroup: true,
  },
  {
    name: "a foreign record is forbidden, not missing, to a write",
    patches: [
      {
        file: AUTHORISE,
        find: 'if (revisions === undefined) throw new GatewayError("document.unknown");',
        replace:
          'if (revisions === undefined) throw new GatewayError(Number(id) < 1e6 ? "key.forbidden" : "document.unknown");',
      },
    ],
    blocks: ["trespass"],
  },
  {
    name: "records referenced by one's own are returned unchecked",
    patches: [
      {
        file: SIEVE,
        find: "if (!this.#mayReturn(record, collection, at)) return relatedId(record) ?? null;",
        replace: "",
      },
    ],
    blocks: ["relations"],
  },
  {
    name: "references are checked without the scope",
    patches: [
      {
        file: "cms/payload/reference-check.ts",
        find: "const where = { and: [scope, { id: { in: ids } }] };",
        replace: "const where = { and: [{ id: { in: ids } }, ...(scope ? [] : [scope])] };",
      },
    ],
    blocks: ["relations"],
  },
  {
    name: "a POST can be another method",
    patches: [
      {
        file: "partners/stages/receive.ts",
        find: "return { ...incoming, path: target.path };",
        replace:
          'const at = headers.findIndex((name) => name.toLowerCase() === "x-http-method-override");\n' +
          "  return { ...incoming, method: at < 0 ? method : (headers[at + 1] ?? method), path: target.path };",
      },
    ],
    blocks: ["override"],
  },
];
