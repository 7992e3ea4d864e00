import type { SuiteMutant } from "./mutant.ts";

const BODY = "cms/payload/body.ts";
const FORM = "cms/payload/write-form.ts";
const REFUSAL = "cms/payload/refusal.ts";
const REVISIONS = "cms/payload/revisions.ts";

const WRITES = "test/integration/faithful-writes.test.ts";
const LOCKS = "test/integration/faithful-locks.test.ts";
const RACE = "test/integration/isolation-race.test.ts";
const area = "writes";

/** How a write reaches the CMS, and what becomes of its answer. */
export const WRITE_PATH: readonly SuiteMutant[] = [
  {
    area,
    name: "an update carries the partner's tenant field",
    patches: [{ file: BODY, find: "name === tenantField || ", replace: "" }],
    tests: [WRITES],
  },
  {
    area,
    name: "an update is stamped with the tenant",
    patches: [
      {
        file: BODY,
        find: "if (target.isNew) kept[tenantField] = target.tenantId;",
        replace: "kept[tenantField] = target.tenantId;",
      },
    ],
    tests: [RACE],
  },
  {
    area,
    name: "the latest draft's tenant is not looked at",
    patches: [{ file: REVISIONS, find: "if (!isOurs(latest)) return undefined;", replace: "" }],
    tests: [WRITES],
  },
  {
    area,
    name: "the latest draft is not asked for",
    patches: [{ file: REVISIONS, find: 'if (main["_status"] === undefined)', replace: "if (isOurs(main))" }],
    tests: [WRITES],
  },
  {
    area,
    name: "a write's answer is not looked at",
    patches: [
      {
        file: "cms/payload/answer.ts",
        find: "if (!sieve.passes(record, { collection, scope })) {",
        replace: 'if (kind === "list" && !sieve.passes(record, { collection, scope })) {',
      },
    ],
    tests: [RACE],
  },
  {
    area,
    name: "a write's answer may be a group-mate's record",
    patches: [
      {
        file: "cms/payload/sieve.ts",
        find: 'this.#owners.of(record, scope) === "ours"',
        replace: 'this.#owners.ofRelated(record, scope.length > 0 ? collection : "") === "ours"',
      },
    ],
    tests: [RACE],
  },
  {
    area,
    name: "a plain write puts a waiting draft on the page",
    patches: [
      { file: FORM, find: "return latest === undefined || !latest.isPublished;", replace: "return false;" },
    ],
    tests: [WRITES],
  },
  {
    area,
    name: "every update is sent in bulk",
    patches: [
      {
        file: FORM,
        find: 'return keepsDraft ? { kind: "conditional", draft: false, keepsDraft } : BY_ID;',
        replace: 'return { kind: "conditional", draft: update.asksDraft, keepsDraft };',
      },
    ],
    tests: [WRITES],
  },
  {
    area,
    name: "a lock is not compared with the state that is written",
    patches: [{ file: FORM, find: "  checkLock(lock, base);\n", replace: "" }],
    tests: [LOCKS],
  },
  {
    area,
    name: "what a lock's condition was refused for is not asked by id",
    patches: [
      {
        file: "cms/payload/steps.ts",
        find: '{ name: "asked", followedOn: [400, 403] },',
        replace: '{ name: "asked", followedOn: [] },',
      },
    ],
    tests: [LOCKS],
  },
  {
    area,
    name: "the trash has no way back",
    patches: [
      { file: "cms/payload/outgoing.ts", find: "restores(job.fields) ?", replace: "restores(undefined) ?" },
    ],
    tests: [LOCKS],
  },
  {
    area,
    name: "a taken value is told by the words of a message",
    patches: [
      {
        file: REFUSAL,
        find: 'return typeof problem["tableName"] === "string";',
        replace: 'return problem["message"] === "Value must be unique";',
      },
    ],
    tests: ["test/unit/cms/refusal.test.ts"],
  },
  {
    area,
    name: "a hook's conflict is a failure of the CMS's",
    patches: [{ file: REFUSAL, find: "    case 409:\n", replace: "" }],
    tests: [WRITES],
  },
];
