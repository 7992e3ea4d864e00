import type { Mutant, Patch } from "./mutants.ts";

const BODY = "cms/payload/body.ts";
const SIEVE = "cms/payload/sieve.ts";
const AUTHORISE = "stages/authorise.ts";

/** The write's own condition on the tenant, which stands behind the question whose record it is. */
const WRITE_UNCONDITIONED: Patch = {
  file: "cms/payload/outgoing.ts",
  find: "[{ id: { equals: recordId } }, tenantCondition(settings, job.permit.scope)];",
  replace: "[{ id: { equals: recordId } }];",
};

/** Mutants that only a proof that may write can catch. */
export const WRITE_MUTANTS: readonly Mutant[] = [
  {
    name: "the body's tenant is kept",
    patches: [
      { file: BODY, find: "name === tenantField || ", replace: "" },
      {
        file: BODY,
        find: "kept[tenantField] = target.tenantId;",
        replace: "kept[tenantField] ??= target.tenantId;",
      },
    ],
    blocks: ["create", "update"],
  },
  {
    name: "dotted keys are kept, and updates not stamped",
    patches: [
      { file: BODY, find: "/[.[\\]]/.test(name)", replace: 'name === ""' },
      {
        file: BODY,
        find: "kept[tenantField] = target.tenantId;",
        replace: "if (target.isNew) kept[tenantField] = target.tenantId;",
      },
    ],
    blocks: ["update"],
  },
  {
    name: "updates do not ask whose record it is",
    patches: [
      WRITE_UNCONDITIONED,
      {
        file: AUTHORISE,
        find: "if (!isOwn) throw",
        replace: 'if (!isOwn && operation.kind !== "update") throw',
      },
    ],
    blocks: ["trespass"],
  },
  {
    name: "deletes do not ask whose record it is",
    patches: [
      WRITE_UNCONDITIONED,
      {
        file: AUTHORISE,
        find: "if (!isOwn) throw",
        replace: 'if (!isOwn && operation.kind !== "delete") throw',
      },
    ],
    blocks: ["trespass"],
  },
  {
    name: "writes reach as far as reads: the whole group",
    patches: [
      WRITE_UNCONDITIONED,
      {
        file: "cms/payload/lookups.ts",
        find: "{ [tenantField]: { equals: tenant.id } }] };",
        replace: "{ [tenantField]: { in: tenant.group?.memberIds ?? [tenant.id] } }] };",
      },
      {
        file: "cms/payload/lookups.ts",
        find: "isSameId(relatedId(found[tenantField]), tenant.id)",
        replace: "relatedId(found[tenantField]) !== undefined",
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
        find: 'if (!isOwn) throw new GatewayError("document.unknown");',
        replace:
          'if (!isOwn) throw new GatewayError(Number(id) < 1e6 ? "key.forbidden" : "document.unknown");',
      },
    ],
    blocks: ["trespass"],
  },
  {
    name: "what one's own record points at comes along",
    patches: [
      {
        file: SIEVE,
        find: 'if (!this.#mayLeave(record, collection, "relation")) return relatedId(record) ?? null;',
        replace: "",
      },
    ],
    blocks: ["relations"],
  },
  {
    name: "who may be pointed at is asked without the scope",
    patches: [
      {
        file: "cms/payload/lookups.ts",
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
        file: "stages/receive.ts",
        find: "return { ...incoming, path: target.path };",
        replace:
          'const at = headers.findIndex((name) => name.toLowerCase() === "x-http-method-override");\n' +
          "  return { ...incoming, method: at < 0 ? method : (headers[at + 1] ?? method), path: target.path };",
      },
    ],
    blocks: ["override"],
  },
];
