import { getEventListeners } from "node:events";
import t from "tap";
import { GatewayError } from "../../../../src/core/errors.ts";
import { FairSemaphore } from "../../../../src/http/client/fair-semaphore.ts";

const NEVER = new AbortController().signal;

t.test("rejects with busy once all permits are in use and the queue is full", async (t) => {
  const places = new FairSemaphore({ places: 2, queue: 2 });
  await places.take(NEVER);
  await places.take(NEVER);
  const order: number[] = [];
  const first = places.take(NEVER).then(() => order.push(1));
  const second = places.take(NEVER).then(() => order.push(2));
  await t.rejects(places.take(NEVER), { code: "gateway.busy" });
  places.release();
  await first;
  places.release();
  await second;
  t.strictSame(order, [1, 2], "first come, first served");
  t.equal(places.waiting, 0);
});

t.test("an aborted waiter leaves the queue and gets no permit", async (t) => {
  const places = new FairSemaphore({ places: 1, queue: 5 });
  await places.take(NEVER);
  const leaving = new AbortController();
  const waits = places.take(leaving.signal);
  t.equal(places.waiting, 1);
  leaving.abort(new GatewayError("request.stalled"));
  await t.rejects(waits, { code: "request.stalled" });
  t.equal(places.waiting, 0);
  await t.rejects(places.take(leaving.signal), { code: "request.stalled" });
  const staying = new AbortController();
  const granted = places.take(staying.signal);
  places.release();
  await granted;
  t.equal(getEventListeners(staying.signal, "abort").length, 0);
  places.release();
  await places.take(NEVER);
});

t.test("limits a holder to its share of permits and queue, and leaves the rest to others", async (t) => {
  const places = new FairSemaphore({ places: 4, queue: 4, share: 0.5 });
  const order: string[] = [];
  const take = (holder?: string) =>
    places.take(NEVER, holder === undefined ? [] : [holder]).then(() => void order.push(holder ?? "-"));
  await take("a");
  await take("a");
  const third = take("a");
  const fourth = take("a");
  await t.rejects(places.take(NEVER, ["a"]), { code: "tenant.busy" }, "two permits in use, two waiting");
  await take("b");
  await take();
  t.strictSame(order, ["a", "a", "b", "-"], "other holders pass the waiters of a holder at its share");
  const other = take("b");
  const nobody = take();
  await t.rejects(places.take(NEVER, ["b"]), { code: "gateway.busy" }, "the queue is full for all holders");
  places.release();
  await other;
  t.equal(places.waiting, 3, "the first eligible waiter, not the first in the queue");
  places.release(["a"]);
  await third;
  places.release(["b"]);
  await nobody;
  places.release(["a"]);
  await fourth;
  t.equal(places.waiting, 0);
  t.strictSame(order.slice(4), ["b", "a", "-", "a"]);
});

t.test("the smallest share is one permit, and a share of 1 is no limit", async (t) => {
  const one = new FairSemaphore({ places: 3, queue: 1, share: 0.1 });
  await one.take(NEVER, ["a"]);
  void one.take(NEVER, ["a"]);
  t.equal(one.waiting, 1);
  await one.take(NEVER, ["b"]);
  const all = new FairSemaphore({ places: 2, queue: 1 });
  await all.take(NEVER, ["a"]);
  await all.take(NEVER, ["a"]);
  void all.take(NEVER, ["a"]);
  await t.rejects(all.take(NEVER, ["a"]), { code: "gateway.busy" });
});

t.test("a permit counts for each of its holders, and its release serves waiters of each", async (t) => {
  const places = new FairSemaphore({ places: 4, queue: 8, share: 0.5 });
  const order: string[] = [];
  const take = (...holders: string[]) =>
    places.take(NEVER, holders).then(() => void order.push(holders.join(" ")));
  await take("user", "one");
  await take("user", "two");
  const third = take("user", "three");
  t.equal(places.waiting, 1, "a third of the same user waits, whatever tenant it is for");
  await take("other", "one");
  const fifth = take("another", "one");
  t.equal(places.waiting, 2, "so does a third of the same tenant, whatever user it is by");
  places.release(["user", "one"]);
  await third;
  await fifth;
  t.equal(places.waiting, 0, "one permit was free, and one was released");
  t.equal(places.taken, 4);
});

t.test("a yielding waiter is served last and does not count in the queue", async (t) => {
  const places = new FairSemaphore({ places: 1, queue: 1 });
  const order: string[] = [];
  const take = (name: string, yields: boolean) =>
    places.take(NEVER, [], yields).then(() => void order.push(name));
  await take("first", true);
  const yielding = [take("yields", true), take("yields too", true)];
  const other = take("does not yield", false);
  await t.rejects(take("too much", false), { code: "gateway.busy" });
  t.equal(places.waiting, 3);
  for (const _ of [1, 2, 3]) places.release();
  await Promise.all([...yielding, other]);
  t.strictSame(order, ["first", "does not yield", "yields", "yields too"]);
});
