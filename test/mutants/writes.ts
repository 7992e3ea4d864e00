import type { SuiteMutant } from "./mutant.ts";

const BODY = "cms/payload/body.ts";
const FORM = "cms/payload/write-form.ts";
const REFUSAL = "cms/payload/refusal.ts";
const REVISIONS = "cms/payload/revisions.ts";

const WRITES = "test/integration/faithful-writes.test.ts";
const LOCKS = "test/integration/faithful-locks.test.ts";
const RACE = "test/integration/isolation-race.test.ts";
const area = "writes";

/** Faults in how writes reach the CMS and in the checks of their responses. */
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
    name: "the latest draft's tenant is not checked",
    patches: [{ file: REVISIONS, find: "if (!isOurs(latest)) return undefined;", replace: "" }],
    tests: [WRITES],
  },
  {
    area,
    name: "the latest draft is not looked up",
    patches: [{ file: REVISIONS, find: 'if (main["_status"] === undefined)', replace: "if (isOurs(main))" }],
    tests: [WRITES],
  },
  {
    area,
    name: "a write's response is not checked",
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
    name: "the response to a write may be a record of another tenant of the group",
    patches: [
      {
        file: "cms/payload/record-sanitiser.ts",
        find: 'this.#owners.of(record, scope) === "ours"',
        replace: 'this.#owners.ofRelated(record, scope.length > 0 ? collection : "") === "ours"',
      },
    ],
    tests: [RACE],
  },
  {
    area,
    name: "a plain write publishes a waiting draft",
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
    name: "after a rejected lock condition, the reason is not looked up by id",
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
    name: "a record cannot be restored from the trash",
    patches: [
      { file: "cms/payload/outgoing.ts", find: "restores(job.fields) ?", replace: "restores(undefined) ?" },
    ],
    tests: [LOCKS],
  },
  {
    area,
    name: "a duplicate value is recognised by the words of a message",
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
    name: "a hook's conflict is a failure of the CMS",
    patches: [{ file: REFUSAL, find: "    case 409:\n", replace: "" }],
    tests: [WRITES],
  },
];
