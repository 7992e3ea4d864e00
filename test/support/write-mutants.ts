import type { Mutant } from "./mutants.ts";

const BODY = "cms/payload/body.ts";
const SIEVE = "cms/payload/sieve.ts";
const AUTHORISE = "partners/stages/authorise.ts";

/** The question whose record it is, which stands before every write. */
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
    name: "updates do not ask whose record it is",
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
    name: "deletes do not ask whose record it is",
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
    name: "what one's own record points at comes along",
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
    name: "who may be pointed at is asked without the scope",
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
