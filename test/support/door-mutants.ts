import type { Mutant } from "./mutants.ts";

const TENANT = "partners/stages/resolve-tenant.ts";

/** Mutants of authentication and routing: keys, versions, tenants, methods. Reads alone must catch them. */
export const DOOR_MUTANTS: readonly Mutant[] = [
  {
    name: "membership is not checked",
    patches: [
      {
        file: TENANT,
        find: "facts === undefined || !isMember(principal, facts)",
        replace: "facts === undefined || (isMember(principal, facts), false)",
      },
      {
        file: "cms/payload/lookups.ts",
        find: "{ and: [named, { id: { in: tenantIds } }] }",
        replace: "named",
      },
      {
        file: "cms/payload/lookups.ts",
        find: "if (tenantIds?.some((own) => isSameId(own, id)) === false) return undefined;",
        replace: "",
      },
    ],
    blocks: ["naming"],
  },
  {
    name: "a tenant is cached without its name",
    patches: [
      {
        file: "app/cached-lookups.ts",
        find: 'viewer.tenantIds ?? "all", ref.by, name]',
        replace: "name.length]",
      },
    ],
    blocks: ["naming"],
  },
  {
    name: "a key is cached under one name for all",
    patches: [
      {
        file: "app/cached-lookups.ts",
        find: "textOf: (key) => Secret.reveal(key),",
        replace: "textOf: (key) => Secret.reveal(key).slice(99),",
      },
    ],
    blocks: ["naming"],
  },
  {
    name: "aliases of the tenant headers count",
    patches: [
      {
        file: "core/headers.ts",
        find: "candidate.length === name.length && candidate.toLowerCase() === name",
        replace: "foldName(candidate) === name",
      },
    ],
    blocks: ["disguises"],
  },
  {
    name: "the first of two tenant headers counts",
    patches: [
      { file: TENANT, find: 'if (distinct.size > 1) throw new GatewayError("tenant.unknown");', replace: "" },
    ],
    blocks: ["disguises"],
  },
  {
    name: "the scheme of a key is accepted in any case",
    patches: [
      {
        file: "partners/stages/authenticate.ts",
        find: "!value.startsWith(scheme)",
        replace: "!value.toLowerCase().startsWith(scheme.toLowerCase())",
      },
    ],
    blocks: ["keys"],
  },
  {
    name: "keys pass on native paths",
    patches: [
      {
        file: "http/proxy/guard.ts",
        find: "if (carriesApiKey(request.rawHeaders))",
        replace: 'if (request.method === "never")',
      },
    ],
    blocks: ["native"],
  },
  {
    name: "any version is accepted",
    patches: [
      {
        file: "partners/stages/version.ts",
        find: "const found = known.get(asked);",
        replace: "const found = known.get(asked) ?? [...known.values()][0];",
      },
    ],
    blocks: ["versions"],
  },
  {
    name: "the method override header counts",
    patches: [
      {
        file: "partners/stages/receive.ts",
        find: "return { ...incoming, path: target.path };",
        replace:
          'const at = headers.findIndex((name) => name.toLowerCase() === "x-http-method-override");\n' +
          "  return { ...incoming, method: at < 0 ? method : (headers[at + 1] ?? method), path: target.path };",
      },
    ],
    blocks: ["ignored"],
  },
];
