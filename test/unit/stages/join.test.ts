import t from "tap";
import type { Outgoing, UpstreamAnswer } from "../../../src/core/context.ts";
import { GatewayError } from "../../../src/core/errors.ts";
import { Lifetime, type Cancellation } from "../../../src/core/lifetime.ts";
import { shareReads } from "../../../src/upstream/share-reads.ts";

const ANSWER: UpstreamAnswer = {
  status: 200,
  contentType: "application/json",
  contentEncoding: undefined,
  body: Buffer.from("{}"),
};

function read(target = "/api/posts?x=1", headers: readonly string[] = ["authorization", "key 1"]): Outgoing {
  return { method: "GET", target, headers: [...headers, "x-request-id", String(Math.random())] };
}

/** An upstream that answers when it is told to, and what it was asked. */
function held() {
  const asked: {
    readonly outgoing: Outgoing;
    readonly signal: Cancellation;
    readonly answer: () => void;
    readonly fail: (error: Error) => void;
  }[] = [];
  const shared = shareReads({
    send: (outgoing, { signal }) =>
      new Promise((resolve, reject) => {
        asked.push({ outgoing, signal, answer: () => resolve(ANSWER), fail: reject });
      }),
  });
  const ask = (outgoing: Outgoing, id = "r", signal = new Lifetime()) => {
    const note: { stage: string; upstreamRequests: number; upstreamMs: number; sharedWith?: string } = {
      stage: "forward",
      upstreamRequests: 0,
      upstreamMs: 0,
    };
    return { note, signal, answer: shared.send(outgoing, { requestId: id, signal, note }) };
  };
  return { shared, asked, ask };
}

t.test("equal reads under way are one, and each is told whose", async (t) => {
  const { asked, ask } = held();
  const [first, second, third] = [ask(read(), "1"), ask(read(), "2"), ask(read(), "3")];
  t.equal(asked.length, 1);
  asked[0]?.answer();
  const [one, ...others] = await Promise.all([first.answer, second.answer, third.answer]);
  t.strictSame(one, { ...ANSWER, isShared: true }, "and told that it is not theirs alone");
  for (const other of others) t.equal(other, one);
  t.equal(first.note.sharedWith, undefined);
  t.strictSame([second.note.sharedWith, third.note.sharedWith], ["1", "1"]);
  const alone = ask(read());
  t.equal(asked.length, 2, "one that is over is nobody's any more");
  asked[1]?.answer();
  t.equal(await alone.answer, ANSWER, "whoever asks alone has it alone");
});

t.test("by another key, for another tenant or of another target it is another read", async (t) => {
  const { asked, ask } = held();
  ask(read());
  ask(read("/api/posts?x=2"));
  ask(read("/api/posts?x=1", ["authorization", "key 2"]));
  ask(read("/api/posts?x=1", ["authorization", "key 1", "tenant", "2"]));
  ask(read("/api/posts?x=1", ["authorization", "key 1", "tenant", "3"]));
  t.equal(asked.length, 5);
});

t.test("a write is never shared, and none joins a read that began before it was answered", async (t) => {
  const { asked, ask } = held();
  const write: Outgoing = { method: "PATCH", target: "/api/posts", headers: [], body: "{}" };
  ask(read());
  const writes = [ask(write), ask(write)];
  t.equal(asked.length, 3);
  ask(read());
  t.equal(asked.length, 3, "while it is under way, either answer is right");
  asked[1]?.answer();
  await writes[0]?.answer;
  ask(read());
  t.equal(asked.length, 4);
  asked[2]?.fail(new GatewayError("upstream.timeout"));
  for (const { answer } of writes.slice(1)) await t.rejects(answer, { code: "upstream.timeout" });
  ask(read());
  t.equal(asked.length, 5, "nor after one of which nobody knows what became");
});

t.test("nor after it was told to forget", async (t) => {
  const { shared, asked, ask } = held();
  const first = ask(read());
  shared.forget();
  const second = ask(read());
  t.equal(asked.length, 2);
  asked[0]?.answer();
  await first.answer;
  ask(read());
  t.equal(asked.length, 2, "the end of the one that was forgotten is not the end of the other");
  asked[1]?.answer();
  await second.answer;
});

t.test("who leaves ends it for nobody else; the last who leaves ends it", async (t) => {
  const { asked, ask } = held();
  const [first, second, third] = [ask(read()), ask(read()), ask(read())];
  const gone = new GatewayError("request.stalled");
  first.signal.abort(gone);
  await t.rejects(first.answer, { code: "request.stalled" });
  t.equal(asked[0]?.signal.aborted, false);
  second.signal.abort(gone);
  await t.rejects(second.answer, { code: "request.stalled" });
  t.equal(asked[0]?.signal.aborted, false);
  third.signal.abort(gone);
  await t.rejects(third.answer, { code: "request.stalled" });
  t.equal(asked[0]?.signal.aborted, true);
  const late = ask(read());
  t.equal(asked.length, 2, "what is being given up is not joined");
  asked[1]?.answer();
  t.equal(await late.answer, ANSWER);
});

t.test("a failure is everybody's who waited, and is not remembered", async (t) => {
  const { asked, ask } = held();
  const both = [ask(read()), ask(read())];
  asked[0]?.fail(new GatewayError("upstream.unreachable"));
  for (const { answer } of both) await t.rejects(answer, { code: "upstream.unreachable" });
  ask(read());
  t.equal(asked.length, 2);
});
