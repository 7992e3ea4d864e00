import t from "tap";
import { mint } from "../../../src/core/brand.ts";
import type {
  Answered,
  Permit,
  Principal,
  Tenant,
  UpstreamAnswer,
  Version,
} from "../../../src/core/context.ts";
import { GatewayError } from "../../../src/core/errors.ts";
import { Lifetime } from "../../../src/core/lifetime.ts";
import { parseTarget } from "../../../src/core/path.ts";
import type { Cms } from "../../../src/core/ports.ts";
import { Secret } from "../../../src/core/secret.ts";
import { createAnswer } from "../../../src/stages/forward.ts";

/** A request that has got `upstreamAnswer`, and what may differ between two that share it. */
interface Words {
  readonly target?: string;
  readonly version?: string;
  readonly kind?: "list" | "read";
  readonly collection?: string;
  readonly recordId?: number;
  readonly tenant?: number;
  readonly user?: number;
  readonly scope?: readonly number[];
}

function answered(requestId: string, upstreamAnswer: UpstreamAnswer, words: Words = {}): Answered {
  const { target = "/partners/2026-02/t/events/1?depth=0", kind = "read", collection = "events" } = words;
  const parsed = parseTarget(target);
  if (parsed.kind !== "partners") throw new Error("no partners' target");
  return {
    requestId,
    method: "GET",
    httpVersion: "1.1",
    target: parsed,
    path: parsed.path,
    headers: [],
    body: { read: () => Promise.reject(new Error("nobody reads it")) },
    signal: new Lifetime(),
    note: { stage: "forward", upstreamRequests: 1, upstreamMs: 1 },
    principal: mint<Principal>({
      userId: words.user ?? 1,
      tenantIds: [1],
      allTenants: false,
      roles: [],
      credential: new Secret("k"),
    }),
    version: mint<Version>({ name: words.version ?? "2026-02", headers: {} }),
    tenant: mint<Tenant>({ id: words.tenant ?? 1, slug: "t", installedApps: [] }),
    operation: kind === "list" ? { kind, collection } : { kind, collection, id: "1" },
    fields: undefined,
    permit: mint<Permit>({ scope: words.scope ?? [1], recordId: words.recordId ?? 1 }),
    outgoing: { method: "GET", target: "/api/events", headers: [] },
    upstreamAnswer,
  };
}

function answerOf(more: Partial<UpstreamAnswer>): UpstreamAnswer {
  return {
    status: 200,
    contentType: "application/json",
    contentEncoding: undefined,
    body: Buffer.from("{}"),
    ...more,
  };
}

/** The stage, and how often the CMS's adapter was asked to translate. */
function stage(translate?: Cms["translate"]) {
  let count = 0;
  const answer = createAnswer({
    cms: {
      translate(said, job) {
        count += 1;
        return translate?.(said, job) ?? { status: 200, body: `translated ${count}` };
      },
    },
  });
  return { answer, translations: () => count };
}

t.test("an answer that several share is translated once, and told to each under its own id", async (t) => {
  const { answer, translations } = stage();
  const shared = answerOf({ isShared: true });
  const [one, other] = [answer(answered("1", shared)), answer(answered("2", shared))];
  t.equal(translations(), 1);
  t.strictSame([one.body, other.body], ["translated 1", "translated 1"]);
  t.strictSame([one.headers["x-request-id"], other.headers["x-request-id"]], ["1", "2"]);
  answer(answered("3", answerOf({ isShared: true })));
  t.equal(translations(), 2, "another answer is another, be it equal");
});

t.test("whoever asked in other words, or as somebody else, gets a translation of his own", async (t) => {
  const { answer, translations } = stage();
  const shared = answerOf({ isShared: true });
  answer(answered("first", shared));
  const others: Record<string, Words> = {
    query: { target: "/partners/2026-02/t/events/1?depth=0&select=title" },
    version: { version: "2026-03" },
    operation: { kind: "list" },
    collection: { collection: "posts" },
    record: { recordId: 2 },
    tenant: { tenant: 2 },
    user: { user: 2 },
    scope: { scope: [1, 2] },
    "scope of the same size": { scope: [2] },
  };
  for (const [what, words] of Object.entries(others)) {
    const before = translations();
    answer(answered("base", shared));
    const afterBase = translations();
    answer(answered(what, shared, words));
    t.equal(translations(), afterBase + 1, what);
    t.ok(afterBase - before <= 1);
  }
});

t.test("an answer that is one request's alone is not kept, and a refusal is everybody's own", async (t) => {
  const alone = stage();
  const own = answerOf({});
  alone.answer(answered("1", own));
  alone.answer(answered("2", own));
  t.equal(alone.translations(), 2);
  const refusing = stage(() => {
    throw new GatewayError("document.unknown");
  });
  const shared = answerOf({ isShared: true });
  for (const id of ["1", "2"])
    t.throws(() => refusing.answer(answered(id, shared)), { code: "document.unknown" });
  t.equal(refusing.translations(), 2);
});
