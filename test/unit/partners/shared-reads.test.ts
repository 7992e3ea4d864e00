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

/** What may differ between two requests. */
interface Words {
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

/** A request that may be forwarded. */
function permitted(words: Words = {}): Permitted & { readonly signal: CancellationSource } {
  const { requestId = "r", key = "k", query = "depth=0", operation = READ, slug = "t" } = words;
  const target = parseTarget(`/partners/2026-02/t/events/1?${query}`);
  if (target.kind !== "partners") throw new Error("no partners' target");
  return {
    requestId,
    method: "GET",
    httpVersion: "1.1",
    target,
    path: target.path,
    headers: [],
    body: { read: () => Promise.reject(new Error("nobody reads it")) },
    signal: new CancellationSource(),
    afterwards: (task) => task(),
    note: { stage: "authorise", upstreamRequests: 0, upstreamMs: 0 },
    principal: mint<Principal>({
      userId: words.user ?? 1,
      tenantIds: [1],
      allTenants: false,
      roles: [],
      credential: new Secret(key),
    }),
    version: mint<Version>({ name: words.version ?? "2026-02", headers: {} }),
    tenant: mint<Tenant>({ id: words.tenant ?? 1, slug, installedApps: [] }),
    operation,
    fields: undefined,
    permit: mint<Permit>({ scope: words.scope ?? [1], recordId: 1 }),
  };
}

/** Stages that answer when they are told to, and what came to them. */
function held({ isSharing = true }: Partial<SharedReadsOptions> = {}) {
  const asked: {
    readonly request: Permitted;
    readonly answer: () => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  const writes = new Writes();
  const reads = new SharedReads({ isSharing, writes });
  const ask = (words: Words = {}) => {
    const request = permitted(words);
    const answer = reads.join(
      request,
      (mine) =>
        new Promise<Answer>((resolve, reject) => {
          const headers = { "x-request-id": mine.requestId, "cache-control": "private" };
          asked.push({
            request: mine,
            answer: () => resolve({ status: 200, headers, body: `answer ${asked.length}` }),
            fail: reject,
          });
        }),
    );
    return { answer, note: request.note, signal: request.signal };
  };
  return { writes, asked, ask };
}

t.test("equal reads under way are one, told to each under its own id", async (t) => {
  const { asked, ask } = held();
  const [first, second, third] = [ask({ requestId: "1" }), ask({ requestId: "2" }), ask({ requestId: "3" })];
  t.equal(asked.length, 1);
  asked[0]?.answer();
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
  t.equal(asked.length, 2, "one that is over is nobody's any more");
  asked[1]?.answer();
  t.match(await alone.answer, { body: "answer 2" });
});

t.test("whoever asks in other words, or as somebody else, asks for himself", async (t) => {
  const others: Record<string, Words> = {
    key: { key: "another" },
    query: { query: "depth=1" },
    version: { version: "2026-03" },
    operation: { operation: { kind: "list", collection: "events" } },
    collection: { operation: { ...READ, collection: "posts" } },
    record: { operation: { ...READ, id: "2" } },
    "no id": { operation: { ...READ, id: "" } },
    tenant: { tenant: 2 },
    "the tenant's name": { slug: "u" },
    "what a name and an id make together": { slug: "t1", operation: { ...READ, id: "" } },
    user: { user: 2 },
    scope: { scope: [1, 2] },
    "a scope of the same size": { scope: [2] },
    "a scope of another type": { scope: ["1"] },
  };
  const { asked, ask } = held();
  ask();
  for (const [what, words] of Object.entries(others)) {
    const before = asked.length;
    ask(words);
    t.equal(asked.length, before + 1, what);
    ask(words);
    t.equal(asked.length, before + 1, `${what}, twice`);
  }
  ask();
  t.equal(asked.length, Object.keys(others).length + 1);
});

t.test("no read joins one that began before a write or during one, and a write joins nothing", async (t) => {
  const { writes, asked, ask } = held();
  ask();
  const [first, second] = [ask({ operation: WRITE }), ask({ operation: WRITE })];
  t.equal(asked.length, 3);
  ask();
  ask();
  t.equal(asked.length, 5, "during the writes each asks for itself");
  asked[1]?.answer();
  await first?.answer;
  ask();
  t.equal(asked.length, 6, "and while one of them is under way");
  asked[2]?.fail(new GatewayError("upstream.timeout"));
  if (second !== undefined) await t.rejects(second.answer, { code: "upstream.timeout" });
  ask();
  t.equal(asked.length, 7, "whatever became of the last");
  ask();
  t.equal(asked.length, 7, "from then on equal reads are one");
  const end = writes.begin();
  ask();
  t.equal(asked.length, 8, "a write by another configuration counts as well");
  end();
  end();
  ask();
  ask();
  t.equal(asked.length, 9, "it ends once");
});

t.test("where reads are not shared, writes count for those that are", async (t) => {
  const { writes, asked, ask } = held({ isSharing: false });
  ask();
  ask();
  t.equal(asked.length, 2);
  const { epoch } = writes;
  const write = ask({ operation: WRITE });
  t.equal(writes.epoch, undefined);
  asked[2]?.answer();
  await write.answer;
  t.not(writes.epoch, epoch);
});

t.test("who leaves ends it for nobody else; the last who leaves ends it", async (t) => {
  const { asked, ask } = held();
  const [first, second, third] = [ask(), ask(), ask()];
  const gone = new GatewayError("request.stalled");
  first.signal.abort(gone);
  await t.rejects(first.answer, { code: "request.stalled" });
  t.equal(asked[0]?.request.signal.aborted, false);
  second.signal.abort(gone);
  await t.rejects(second.answer, { code: "request.stalled" });
  t.equal(asked[0]?.request.signal.aborted, false);
  third.signal.abort(gone);
  await t.rejects(third.answer, { code: "request.stalled" });
  t.equal(asked[0]?.request.signal.aborted, true);
  const late = ask();
  t.equal(asked.length, 2, "what is being given up is not joined");
  asked[1]?.answer();
  t.match(await late.answer, { status: 200 });
});

t.test("a failure is everybody's who waited, and is not remembered", async (t) => {
  const { asked, ask } = held();
  const both = [ask(), ask()];
  asked[0]?.fail(new GatewayError("upstream.unreachable"));
  for (const { answer } of both) await t.rejects(answer, { code: "upstream.unreachable" });
  ask();
  t.equal(asked.length, 2);
});
