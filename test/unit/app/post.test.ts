import t from "tap";
import { Post } from "../../../src/app/workers/post.ts";

t.test("a place is taken again at once, then ever later, until one has lived for a minute", async (t) => {
  const post = new Post<object>(1);
  let now = 1_000;
  const waitAfter = (life: number): number | undefined => {
    const hand = {};
    post.take(hand, now);
    now += life;
    return post.leave(hand, now);
  };
  const waits = Array.from({ length: 8 }, () => waitAfter(59_999));
  t.strictSame(waits, [0, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  t.equal(waitAfter(60_000), 0, "as if it were the first");
  t.equal(waitAfter(1), 500);
});

t.test("who has already left does not leave again", async (t) => {
  const post = new Post<object>(1);
  const [old, young] = [{}, {}];
  post.take(old, 0);
  t.equal(post.leave(old, 1), 0, "it said that it will end");
  post.take(young, 2);
  t.equal(post.leave(old, 3), undefined, "and has ended");
  t.equal(post.hand, young);
});
