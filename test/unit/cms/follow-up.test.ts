import t from "tap";
import { createPayloadCms } from "../../../src/cms/payload/payload.ts";
import { mint } from "../../../src/core/brand.ts";
import type { Operation, Permit, Principal, Tenant, UpstreamAnswer } from "../../../src/core/context.ts";
import type { Job } from "../../../src/core/ports.ts";
import { Secret } from "../../../src/core/secret.ts";
import { configFor } from "../../support/gateway.ts";

/** The requests that follow when the CMS fails, tested with the answers of a broken CMS. */

const cms = createPayloadCms(configFor("http://cms.invalid", {}), {
  send: () => Promise.reject(new Error("must not be called")),
});

const answerOf = (status: number, body: unknown): UpstreamAnswer => ({
  status,
  contentType: "application/json",
  contentEncoding: undefined,
  body: Buffer.from(JSON.stringify(body)),
});
const FAILED = answerOf(500, { errors: [{ message: "Something went wrong." }] });
const idsTo = (count: number): UpstreamAnswer =>
  answerOf(200, { docs: Array.from({ length: count }, (_, i) => ({ id: i + 1 })), totalDocs: count });

function jobOf(operation: Operation, query: string, fields?: Record<string, unknown>): Job {
  return {
    requestId: "id",
    operation,
    version: "2026-02",
    query,
    tenant: mint<Tenant>({ id: 1, slug: "tenant-a", installedApps: [] }),
    principal: mint<Principal>({
      userId: 2,
      tenantIds: [1],
      allTenants: false,
      roles: [],
      credential: new Secret("k"),
    }),
    permit: mint<Permit>({ scope: [1] }),
    fields,
  };
}

/** Returns the number of requests if the CMS gives these first answers and fails at all others. */
function requestsOf(job: Job, first: readonly UpstreamAnswer[]): number {
  const answers = [...first];
  while (cms.followUp(job, answers) !== undefined) answers.push(FAILED);
  t.throws(() => cms.translate(FAILED, job, answers.slice(0, -1)), { code: "upstream.failed" });
  return answers.length;
}

const list: Operation = { kind: "list", collection: "events" };
const create: Operation = { kind: "create", collection: "events" };

t.test("a CMS that fails at every request gets only a few, and the job is `upstream.failed`", async (t) => {
  t.equal(requestsOf(jobOf(list, ""), [FAILED]), 2);
  t.equal(requestsOf(jobOf(list, "where[title][equals]=x&sort=title"), [FAILED]), 4);
  const words = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`field${i}`, "a word"]));
  t.equal(requestsOf(jobOf(create, "draft=true", words), [FAILED]), 2);
  t.equal(requestsOf(jobOf(create, "", words), [FAILED]), 1, "the CMS itself validates what is not a draft");
});

t.test("a list without a readable record is requested in a bounded number of parts", async (t) => {
  t.equal(requestsOf(jobOf(list, "limit=100"), [FAILED, idsTo(100)]), 42);
  t.equal(requestsOf(jobOf(list, ""), [FAILED, idsTo(0)]), 2);
});

t.test("a list whose parts can all be read is returned whole", async (t) => {
  const docs = [1, 2].map((id) => ({ id, tenant: 1 }));
  const answers = [FAILED, idsTo(2), ...docs.map((doc) => answerOf(200, { docs: [doc] }))];
  t.equal(cms.followUp(jobOf(list, ""), answers), undefined);
  const { body } = cms.translate(answerOf(200, { docs: [docs[1]] }), jobOf(list, ""), answers.slice(0, -1));
  t.match(JSON.parse(body.toString()), { docs, totalDocs: 2 });
});
