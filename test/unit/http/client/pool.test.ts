import { once } from "node:events";
import t from "tap";
import type { Outgoing } from "../../../../src/core/context.ts";
import { GatewayError } from "../../../../src/core/errors.ts";
import type { AccessLogFields } from "../../../../src/core/access-log.ts";
import { createUpstream, type PoolOptions } from "../../../../src/http/client/pool.ts";
import {
  answers,
  answersAndCloses,
  answersAndResets,
  badOrigin,
  CLOSED_ORIGIN,
  deafOrigin,
  hangsUp,
  isSilent,
  type Misbehaviour,
} from "../../../support/bad-origin.ts";
import { PATIENT } from "../../../support/patience.ts";
import { handClock } from "../../../support/clock.ts";
import { until } from "../../../support/until.ts";

interface Test {
  teardown(done: () => Promise<void>): void;
}

const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
const GET: Outgoing = { method: "GET", target: "/api/x", headers: [] };
const POST: Outgoing = { method: "POST", target: "/api/x", headers: [], body: "{}" };

function newNote(): AccessLogFields {
  return { stage: "test", upstreamRequests: 0, upstreamMs: 0 };
}

function answer(status: number, body: string): Misbehaviour {
  return answers(`HTTP/1.1 ${status} X\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
}

function poolTo(t: Test, url: URL, overrides: Partial<PoolOptions> = {}) {
  const pool = createUpstream({
    targets: [url.origin],
    ...PATIENT,
    ...overrides,
  });
  t.teardown(() => pool.close());
  const note = newNote();
  const send = (outgoing = GET, signal = new AbortController().signal) =>
    pool.send(outgoing, { requestId: "id", signal, note });
  return { pool, send, note };
}

async function originOf(t: Test, misbehave: Misbehaviour) {
  const heads: (() => void)[] = [];
  const count = { seen: 0 };
  const origin = await badOrigin((socket, head, nth) => {
    count.seen = nth;
    for (const tell of heads.splice(0)) tell();
    misbehave(socket, head, nth);
  });
  t.teardown(() => origin.close());
  /** Resolves when the origin has had `nth` requests. */
  const asked = async (nth: number): Promise<void> => {
    while (count.seen < nth) await new Promise<void>((resolve) => heads.push(resolve));
  };
  return { ...origin, asked, seen: () => count.seen };
}

t.test("fails with upstream.timeout exactly at the timeout of a silent CMS", async (t) => {
  const clock = handClock();
  const origin = await originOf(t, isSilent);
  const { send } = poolTo(t, origin.url, { clock });
  const answer = send();
  let isSettled = false;
  answer.catch(() => (isSettled = true));
  await origin.asked(1);
  clock.move(29_999);
  // By the same pool: the effects of the elapsed time precede its arrival at the CMS.
  const another = send();
  another.catch(() => undefined);
  await origin.asked(2);
  t.equal(isSettled, false);
  clock.move(1);
  await t.rejects(answer, { code: "upstream.timeout" });
  clock.move(29_999);
  await t.rejects(another, { code: "upstream.timeout" });
  await until("the end of their connections", () => origin.sockets.size === 0);
  t.equal(clock.pending, 0, "no timer is left");
});

t.test(
  "fails with upstream.timeout for a CMS that stalls in its answer, never ends it, or cannot be reached",
  async (t) => {
    const partial = answers("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nabc");
    for (const [limit, overrides, cause] of [
      ["idle", {}, /^no further byte/],
      ["deadline", { idleTimeout: 1_000_000 }, /^no whole answer/],
    ] as const) {
      const clock = handClock();
      const origin = await originOf(t, partial);
      const { send } = poolTo(t, origin.url, { clock, ...overrides });
      const answer = send();
      answer.catch(() => undefined);
      await origin.asked(1);
      // By the same pool: the first bytes of the answer arrive before it is at the CMS.
      send().catch(() => undefined);
      await origin.asked(2);
      clock.move(limit === "idle" ? 40_000 : 100_000);
      const error: unknown = await answer.catch((thrown: unknown) => thrown);
      t.match(error, { code: "upstream.timeout" }, limit);
      t.match(error instanceof Error && error.cause, cause);
    }
    const deaf = await deafOrigin();
    t.teardown(() => deaf.close());
    const clock = handClock();
    const { send } = poolTo(t, deaf.url, { clock });
    const answer = send();
    answer.catch(() => undefined);
    await until("the time for a connection to run", () => clock.pending > 1);
    clock.move(20_000);
    await t.rejects(answer, { code: "upstream.timeout" });
  },
);

t.test(
  "retries a read once if its connection closed before an answer; never a write or a partial answer",
  async (t) => {
    const flaky = await originOf(t, (socket, head, nth) =>
      nth === 1 ? socket.destroy() : answers(OK)(socket, head, nth),
    );
    const { send, note } = poolTo(t, flaky.url);
    t.match(await send(), { status: 200 });
    t.equal(note.upstreamRequests, 2);

    const dead = await originOf(t, hangsUp);
    const reading = poolTo(t, dead.url);
    await t.rejects(reading.send(), { code: "upstream.unreachable" });
    t.equal(dead.seen(), 2, "retried once only");
    await t.rejects(reading.send(POST), { code: "upstream.unreachable" });
    t.equal(dead.seen(), 3, "a write was sent once");
    const long = { method: "GET", target: `/${"x".repeat(99)}`, headers: [], sentAs: POST } as const;
    await t.rejects(reading.send(long), { code: "upstream.unreachable" });
    t.equal(dead.seen(), 5, "a read sent in another form is a read");

    for (const how of [answersAndResets, answersAndCloses]) {
      const half = await originOf(t, how("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{}"));
      await t.rejects(poolTo(t, half.url).send(), { code: "upstream.unreachable" });
      t.equal(half.seen(), 1, "an answer that broke off is not retried");
    }
    await t.rejects(poolTo(t, CLOSED_ORIGIN).send(), { code: "upstream.unreachable" });
  },
);

t.test("discards an answer over the memory limit without a breaker failure", async (t) => {
  const origin = await originOf(t, answers(OK));
  const { pool, send, note } = poolTo(t, origin.url, { breakerFailures: 1 });
  let bytes = 0;
  const received = (more: number) => {
    bytes += more;
    return new GatewayError("key.busy");
  };
  const asking = { requestId: "id", signal: new AbortController().signal, note, received };
  await t.rejects(pool.send(GET, asking), { code: "key.busy" });
  t.equal(bytes, 2);
  t.equal(origin.seen(), 1, "it is not retried");
  t.not(pool.state, "down", "the breaker has not taken it for a failure");
  t.match(await send(), { status: 200 });
});

t.test("an aborted caller ends its request at the CMS, also while it waits for a permit", async (t) => {
  const origin = await originOf(t, isSilent);
  const { send } = poolTo(t, origin.url, { connections: 1 });
  const leaving = new AbortController();
  const waiting = new AbortController();
  const first = send(GET, leaving.signal);
  await origin.asked(1);
  const second = send(GET, waiting.signal);
  const [socket] = origin.sockets;
  waiting.abort();
  await t.rejects(second);
  leaving.abort();
  await t.rejects(first);
  if (socket !== undefined && !socket.closed) await once(socket, "close");
  t.equal(origin.sockets.size, 0);
  t.equal(origin.seen(), 1, "the waiting request was never sent");
  const third = send();
  third.catch(() => undefined);
  await origin.asked(2);
  t.pass("the place is free again");
});

t.test("fails with gateway.busy beyond connections and queue, without a request to the CMS", async (t) => {
  const origin = await originOf(t, isSilent);
  const { send } = poolTo(t, origin.url, { connections: 2, queue: 3 });
  const all = Array.from({ length: 5 }, () => send());
  for (const one of all) one.catch(() => undefined);
  await origin.asked(2);
  await t.rejects(send(), { code: "gateway.busy" });
  t.equal(origin.sockets.size, 2);
});

t.test("fails with upstream.failed for an answer over the limit, however it is framed", async (t) => {
  const body = "x".repeat(5_000);
  for (const head of ["content-length: 5000", "connection: close"]) {
    const origin = await originOf(t, answersAndCloses(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${body}`));
    await t.rejects(poolTo(t, origin.url).send(), { code: "upstream.failed" }, head);
  }
});

t.test("no status, aborted caller or too large answer opens the breaker", async (t) => {
  const origin = await originOf(t, (socket, head, nth) => {
    if (nth % 3 === 0) answer(500, "{}")(socket, head, nth);
    else if (nth % 3 === 1) answer(503, "{}")(socket, head, nth);
    else answer(500, "x".repeat(2_000))(socket, head, nth);
  });
  const { pool, send } = poolTo(t, origin.url, { breakerFailures: 1 });
  for (let i = 0; i < 9; i++) await send().catch(() => undefined);
  t.equal(pool.state === "down", false);

  const silent = await originOf(t, isSilent);
  const left = poolTo(t, silent.url, { breakerFailures: 1 });
  for (let i = 1; i <= 3; i++) {
    const leaving = new AbortController();
    const sent = left.send(GET, leaving.signal);
    await silent.asked(i);
    leaving.abort();
    await t.rejects(sent);
  }
  t.equal(left.pool.state === "down", false);
});

t.test("an unreachable CMS opens the breaker: upstream.open at once until a trial is answered", async (t) => {
  const clock = handClock();
  let isUp = false;
  const origin = await originOf(t, (socket, head, nth) =>
    isUp ? answers(OK)(socket, head, nth) : socket.destroy(),
  );
  const { pool, send } = poolTo(t, origin.url, { breakerFailures: 3, clock });
  for (let i = 0; i < 3; i++) {
    clock.move(1);
    await t.rejects(send(POST), { code: "upstream.unreachable" });
  }
  t.equal(pool.state === "down", true);
  const before = origin.seen();
  await t.rejects(send(), { code: "upstream.open" });
  t.equal(origin.seen(), before, "nothing was sent");
  isUp = true;
  clock.move(1_000);
  t.match(await send(), { status: 200 }, "the trial");
  t.equal(pool.state === "down", false);
  t.match(await send(), { status: 200 });
});
