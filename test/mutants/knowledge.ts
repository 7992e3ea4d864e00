import type { SuiteMutant } from "./mutant.ts";

/** Faults in the cache and its invalidation. */
export const REVOCATION: readonly SuiteMutant[] = [
  {
    area: "revocation",
    name: "a native write invalidates nothing",
    patches: [
      {
        file: "app/native.ts",
        find: "beforeAnswer: createNativeInvalidation({ ...deps, cms }),",
        replace: "",
      },
    ],
    tests: ["test/integration/redis-revocation.test.ts"],
  },
  {
    area: "revocation",
    name: "a job that Payload runs by GET counts as a read",
    patches: [{ file: "cms/payload/native-writes.ts", find: "runsJobs(path) ? ALL : NONE", replace: "NONE" }],
    tests: ["test/unit/cms/native-writes.test.ts"],
  },
  {
    area: "revocation",
    name: "the other replicas keep a key that the CMS no longer has",
    patches: [
      {
        file: "cache/cached-lookup.ts",
        find: "if (found.value === undefined) options.onGone(name);",
        replace: "",
      },
    ],
    tests: ["test/unit/cache/confirm.test.ts", "test/integration/recheck.test.ts"],
  },
  {
    area: "revocation",
    name: "a lookup in flight caches its key after the key was withdrawn",
    patches: [
      {
        file: "cache/cached-lookup.ts",
        find: "const isCurrent = () => underWay.get(name) === flight;",
        replace: "const isCurrent = () => underWay.get(name) === flight || name !== undefined;",
      },
    ],
    tests: ["test/unit/cache/cached-lookup.test.ts"],
  },
  {
    area: "revocation",
    name: "a record in Redis counts under any epoch",
    patches: [{ file: "cache/redis-tier.ts", find: ` || record["epoch"] !== at.epoch`, replace: "" }],
    tests: ["test/integration/redis-tiers.test.ts", "test/integration/redis-revocation.test.ts"],
  },
  {
    area: "revocation",
    name: "a native write that the CMS has rejected invalidates every cache",
    patches: [
      { file: "http/proxy/relay.ts", find: "if (REFUSALS.has(status)) this.#exchange.waive();", replace: "" },
    ],
    tests: ["test/unit/http/proxy/settle.test.ts"],
  },
  {
    area: "revocation",
    name: "every unauthenticated native write invalidates every cache",
    patches: [
      {
        file: "app/native-invalidation.ts",
        find: "(await senders.knows(request))",
        replace: "(senders !== undefined)",
      },
    ],
    tests: ["test/adversarial/stranger-writes.test.ts"],
  },
  {
    area: "revocation",
    name: "a key that another replica has cached counts as unknown",
    patches: [
      {
        file: "cache/cached-lookup.ts",
        find: "if (record?.isKnown === true) doorkeeper?.learn(name, true);",
        replace: "",
      },
    ],
    tests: ["test/integration/known-keys.test.ts"],
  },
];

/** Faults in reads that several requests share. */
export const SHARING: readonly SuiteMutant[] = [
  {
    area: "sharing",
    name: "reads of different users are shared",
    patches: [
      {
        file: "partners/stages/shared-reads.ts",
        find: "${Secret.reveal(principal.credential)}\\n",
        replace: "${Secret.reveal(principal.credential).slice(0, 0)}\\n",
      },
      {
        file: "partners/stages/shared-reads.ts",
        find: "[principal.userId, tenant.id,",
        replace: "[tenant.id,",
      },
    ],
    tests: ["test/unit/partners/shared-reads.test.ts", "test/integration/shared-reads.test.ts"],
  },
  {
    area: "sharing",
    name: "reads of different scopes are shared",
    patches: [
      {
        file: "partners/stages/shared-reads.ts",
        find: "tenant.id, permit.scope]",
        replace: "tenant.id, permit.scope === 0]",
      },
    ],
    tests: ["test/unit/partners/shared-reads.test.ts", "test/integration/shared-reads.test.ts"],
  },
  {
    area: "sharing",
    name: "a read joins one that began before a write was answered",
    patches: [{ file: "core/writes.ts", find: "this.#epoch += 1;", replace: "void this.#epoch;" }],
    tests: ["test/unit/partners/shared-reads.test.ts", "test/integration/shared-reads.test.ts"],
  },
  {
    area: "sharing",
    name: "a joined read has the request id of another",
    patches: [
      {
        file: "partners/stages/shared-reads.ts",
        find: `headers: { ...headers, "x-request-id": request.requestId }`,
        replace: "headers",
      },
    ],
    tests: ["test/unit/partners/shared-reads.test.ts", "test/integration/shared-reads.test.ts"],
  },
  {
    area: "sharing",
    name: "the first client to disconnect cancels the shared read",
    patches: [
      {
        file: "core/async/single-flight.ts",
        find: "if (this.#waiting.length === 0) {",
        replace: "if (this.#waiting.length >= 0) {",
      },
    ],
    tests: ["test/unit/core/single-flight.test.ts", "test/unit/partners/shared-reads.test.ts"],
  },
];
