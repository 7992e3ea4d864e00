import type { SuiteMutant } from "./mutant.ts";

/** Faults in message framing: where one request ends and the next begins. */
export const FRAMING: readonly SuiteMutant[] = [
  {
    area: "framing",
    name: "HTTP/1.0 may have a transfer coding on native paths",
    patches: [{ file: "core/headers.ts", find: `httpVersion === "1.0" || `, replace: "" }],
    tests: ["test/unit/core/headers.test.ts", "test/adversarial/native-smuggling.test.ts"],
  },
  {
    area: "framing",
    name: "accepts any Host on partner paths",
    patches: [
      {
        file: "server/request-router.ts",
        find: "if (httpVersionMinor === 1) return hasUsableHost(rawHeaders);",
        replace: "if (httpVersionMinor === 1) return true;",
      },
    ],
    tests: ["test/adversarial/partners-framing.test.ts"],
  },
  {
    area: "framing",
    name: "a connection stays open after an ignored upgrade",
    patches: [
      {
        file: "server/request-router.ts",
        find: "else this.#connections.endWithNext(request.socket);",
        replace: "",
      },
    ],
    tests: ["test/adversarial/client-pipelines.test.ts"],
  },
  {
    area: "framing",
    name: "requests of one connection run at the same time",
    patches: [
      {
        file: "server/client-connections.ts",
        find: "if (connection.current === undefined) {",
        replace: "if (connection.requests > 0) {",
      },
    ],
    tests: [
      "test/unit/server/request-router-pipelining.test.ts",
      "test/adversarial/client-pipelines.test.ts",
    ],
  },
  {
    area: "framing",
    name: "the parser is lenient",
    patches: [
      { file: "server/server.ts", find: "insecureHTTPParser: false", replace: "insecureHTTPParser: true" },
    ],
    tests: ["test/e2e/strict-parser.test.ts"],
  },
];

/** Faults in the limits on what one client may use. */
export const LIMITS: readonly SuiteMutant[] = [
  {
    area: "limits",
    name: "one user may have any number of requests in flight",
    patches: [
      {
        file: "partners/stages/concurrency-limit.ts",
        find: "if (inFlight.of(user) >= deps.max)",
        replace: "if (deps.max < 0)",
      },
    ],
    tests: ["test/adversarial/tenant-hog.test.ts", "test/adversarial/client-crowds.test.ts"],
  },
  {
    area: "limits",
    name: "an unread response no longer counts",
    patches: [
      { file: "core/async/with-slot.ts", find: "afterwards(leave);", replace: "leave(); void afterwards;" },
    ],
    tests: ["test/unit/core/with-slot.test.ts", "test/adversarial/client-crowds.test.ts"],
  },
  {
    area: "limits",
    name: "one tenant may have every connection to the CMS",
    patches: [
      {
        file: "http/client/fair-semaphore.ts",
        find: "return holders.every((holder) => this.#held.of(holder) < this.#maxHeld);",
        replace: "return holders.every(() => this.#maxHeld > 0);",
      },
    ],
    tests: ["test/unit/http/client/fair-semaphore.test.ts"],
  },
  {
    area: "limits",
    name: "a body of unknown length has no limit",
    patches: [
      { file: "server/body-source.ts", find: "if (bytes > limit) fail(tooLarge());", replace: "void bytes;" },
    ],
    tests: ["test/unit/server/body-source.test.ts", "test/integration/contract-bodies.test.ts"],
  },
  {
    area: "limits",
    name: "unknown keys are looked up without a rate limit",
    patches: [
      {
        file: "cache/unknown-key-limiter.ts",
        find: "if (this.knows(name)) return true;",
        replace: "if (this.knows(name) || name !== undefined) return true;",
      },
    ],
    tests: ["test/unit/cache/unknown-key-limiter.test.ts", "test/adversarial/key-flood.test.ts"],
  },
];

/** Faults in draining. */
export const DRAINING: readonly SuiteMutant[] = [
  {
    area: "draining",
    name: "a draining gateway keeps its clients' connections",
    patches: [
      {
        file: "server/client-connections.ts",
        find: "if (this.#isClosing) response.shouldKeepAlive = false;",
        replace: "",
      },
    ],
    tests: [
      "test/unit/server/drain.test.ts",
      "test/integration/shutdown.test.ts",
      "test/e2e/lifecycle.test.ts",
    ],
  },
  {
    area: "draining",
    name: "a connection stays open after its last response",
    patches: [
      {
        file: "server/client-connections.ts",
        find: "if (this.#isClosed || connection.isBroken) socket.destroySoon();",
        replace: "",
      },
    ],
    tests: ["test/unit/server/drain.test.ts"],
  },
  {
    area: "draining",
    name: "a connection without a request delays the drain",
    patches: [
      {
        file: "server/server.ts",
        find: `clock.after(UNUSED_AFTER_MS, () => void setImmediate(() => connections.closeUnbegun("untouched"))),`,
        replace: "",
      },
    ],
    tests: ["test/unit/server/drain.test.ts"],
  },
  {
    area: "draining",
    name: "requests in flight are cut at once",
    patches: [
      {
        file: "server/server.ts",
        find: "clock.after(ms, () => connections.destroyAll()),",
        replace: "clock.after(ms * 0, () => connections.destroyAll()),",
      },
    ],
    tests: [
      "test/unit/server/drain.test.ts",
      "test/integration/shutdown.test.ts",
      "test/e2e/lifecycle.test.ts",
    ],
  },
  {
    area: "draining",
    name: "the port closes before the load balancer's next probe",
    patches: [
      {
        file: "app/gateway.ts",
        find: "this.services.clock.after(drainDelay, resolve)",
        replace: "this.services.clock.after(drainDelay * 0, resolve)",
      },
    ],
    tests: ["test/integration/shutdown.test.ts", "test/e2e/lifecycle.test.ts"],
  },
];
