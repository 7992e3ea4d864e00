import t from "tap";
import { mint } from "../../../src/core/brand.ts";
import type { Operation, Permit, Permitted, Principal, Tenant, Version } from "../../../src/core/context.ts";
import type { Answer } from "../../../src/core/envelope.ts";
import { GatewayError } from "../../../src/core/errors.ts";
import { CancellationSource } from "../../../src/core/async/cancellation.ts";
import { parseTarget } from "../../../src/core/path.ts";
import { Secret } from "../../../src/core/secret.ts";
import { Writes } from "../../../src/core/writes.ts";
import { SharedReads, type SharedReadsOptions } from "../../../src/partners/stages/shared-reads.ts";

/** The inputs in which two requests can differ. */
interface Inputs {
  readonly requestId?: string;
  readonly key?: string;
  readonly query?: string;
  readonly version?: string;
  readonly operation?: Operation;
  readonly tenant?: number;
  readonly slug?: string;
  readonly user?: number;
  readonly scope?: readonly (string | number)[];
}

const READ: Operation = { kind: "read", collection: "events", id: "1" };
const WRITE: Operation = { kind: "update", collection: "events", id: "1" };

/** Builds a permitted request. */
function permitted(inputs: Inputs = {}): Permitted & { readonly signal: CancellationSource } {
  const { requestId = "r", key = "k", query = "depth=0", operation = READ, slug = "t" } = inputs;
  const target = parseTarget(`/partners/2026-02/t/events/1?${query}`);
  if (target.kind !== "partners") throw new Error("not a target of the Partners API");
  return {
    requestId,
    method: "GET",
    httpVersion: "1.1",
    target,
    path: target.path,
    headers: [],
    body: { read: () => Promise.reject(new Error("the body must not be read")) },
    signal: new CancellationSource(),
    afterwards: (task) => task(),
    note: { stage: "authorise", upstreamRequests: 0, upstreamMs: 0 },
    principal: mint<Principal>({
      userId: inputs.user ?? 1,
      tenantIds: [1],
      allTenants: false,
      roles: [],
      credential: new Secret(key),
    }),
    version: mint<Version>({ name: inputs.version ?? "2026-02", headers: {} }),
    tenant: mint<Tenant>({ id: inputs.tenant ?? 1, slug, installedApps: [] }),
    operation,
    fields: undefined,
    permit: mint<Permit>({ scope: inputs.scope ?? [1], recordId: 1 }),
  };
}

/**
 * Builds shared reads whose requests are answered by hand; `sent` holds the requests that reached the CMS.
 */
function held({ isSharing = true }: Partial<SharedReadsOptions> = {}) {
  const sent: {
    readonly request: Permitted;
    readonly answer: () => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  const writes = new Writes();
  const reads = new SharedReads({ isSharing, writes });
  const ask = (inputs: Inputs = {}) => {
    const request = permitted(inputs);
    const answer = reads.join(
      request,
      (mine) =>
        new Promise<Answer>((resolve, reject) => {
          const headers = { "x-request-id": mine.requestId, "cache-control": "private" };
          sent.push({
            request: mine,
            answer: () => resolve({ status: 200, headers, body: `answer ${sent.length}` }),
            fail: reject,
          });
        }),
    );
    return { answer, note: request.note, signal: request.signal };
  };
  return { writes, sent, ask };
}

t.test("equal reads in flight share one request, and each answer has its own request id", async (t) => {
  const { sent, ask } = held();
  const [first, second, third] = [ask({ requestId: "1" }), ask({ requestId: "2" }), ask({ requestId: "3" })];
  t.equal(sent.length, 1);
  sent[0]?.answer();
  const answers = await Promise.all([first.answer, second.answer, third.answer]);
  const one = { status: 200, headers: { "cache-control": "private" }, body: "answer 1" };
  for (const [index, answer] of answers.entries())
    t.strictSame(answer, { ...one, headers: { ...one.headers, "x-request-id": `${index + 1}` } });
  t.equal(first.note.sharedWith, undefined);
  t.match(
    [second.note, third.note],
    [
      { sharedWith: "1", stage: "answer" },
      { sharedWith: "1", stage: "answer" },
    ],
  );
  const alone = ask();
  t.equal(sent.length, 2, "a finished read is not joined");
  sent[1]?.answer();
  t.match(await alone.answer, { body: "answer 2" });
});

t.test("reads that differ in an input or in the key are not shared", async (t) => {
  const others: Record<string, Inputs> = {
    key: { key: "another" },
    query: { query: "depth=1" },
    version: { version: "2026-03" },
    operation: { operation: { kind: "list", collection: "events" } },
    collection: { operation: { ...READ, collection: "posts" } },
    record: { operation: { ...READ, id: "2" } },
    "no id": { operation: { ...READ, id: "" } },
    tenant: { tenant: 2 },
    "the tenant's slug": { slug: "u" },
    "a slug and an id with the same concatenation": { slug: "t1", operation: { ...READ, id: "" } },
    user: { user: 2 },
    scope: { scope: [1, 2] },
    "a scope of the same size": { scope: [2] },
    "a scope of another type": { scope: ["1"] },
  };
  const { sent, ask } = held();
  ask();
  for (const [what, inputs] of Object.entries(others)) {
    const before = sent.length;
    ask(inputs);
    t.equal(sent.length, before + 1, what);
    ask(inputs);
    t.equal(sent.length, before + 1, `${what}, twice`);
  }
  ask();
  t.equal(sent.length, Object.keys(others).length + 1);
});

t.test("no read joins one that began before or during a write, and a write is not shared", async (t) => {
  const { writes, sent, ask } = held();
  ask();
  const [first, second] = [ask({ operation: WRITE }), ask({ operation: WRITE })];
  t.equal(sent.length, 3);
  ask();
  ask();
  t.equal(sent.length, 5, "reads are not shared during the writes");
  sent[1]?.answer();
  await first?.answer;
  ask();
  t.equal(sent.length, 6, "nor while one of them is in flight");
  sent[2]?.fail(new GatewayError("upstream.timeout"));
  if (second !== undefined) await t.rejects(second.answer, { code: "upstream.timeout" });
  ask();
  t.equal(sent.length, 7, "a read after a failed write sends a new request");
  ask();
  t.equal(sent.length, 7, "equal reads are shared again");
  const end = writes.begin();
  ask();
  t.equal(sent.length, 8, "a write under another configuration counts as well");
  end();
  end();
  ask();
  ask();
  t.equal(sent.length, 9, "a write ends only once");
});

t.test("with sharing disabled, writes still begin a new epoch", async (t) => {
  const { writes, sent, ask } = held({ isSharing: false });
  ask();
  ask();
  t.equal(sent.length, 2);
  const { epoch } = writes;
  const write = ask({ operation: WRITE });
  t.equal(writes.epoch, undefined);
  sent[2]?.answer();
  await write.answer;
  t.not(writes.epoch, epoch);
});

t.test("a shared read is aborted only when its last client has gone", async (t) => {
  const { sent, ask } = held();
  const [first, second, third] = [ask(), ask(), ask()];
  const gone = new GatewayError("request.stalled");
  first.signal.abort(gone);
  await t.rejects(first.answer, { code: "request.stalled" });
  t.equal(sent[0]?.request.signal.aborted, false);
  second.signal.abort(gone);
  await t.rejects(second.answer, { code: "request.stalled" });
  t.equal(sent[0]?.request.signal.aborted, false);
  third.signal.abort(gone);
  await t.rejects(third.answer, { code: "request.stalled" });
  t.equal(sent[0]?.request.signal.aborted, true);
  const late = ask();
  t.equal(sent.length, 2, "an aborted read is not joined");
  sent[1]?.answer();
  t.match(await late.answer, { status: 200 });
});

t.test("a failure reaches every client of the read, and is not cached", async (t) => {
  const { sent, ask } = held();
  const both = [ask(), ask()];
  sent[0]?.fail(new GatewayError("upstream.unreachable"));
  for (const { answer } of both) await t.rejects(answer, { code: "upstream.unreachable" });
  ask();
  t.equal(sent.length, 2);
});
