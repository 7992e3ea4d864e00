import t from "tap";
import { RevalidationLimiter } from "../../../src/cache/revalidation-limiter.ts";
import { handClock } from "../../support/clock.ts";

t.test("one lookup per name is in flight, and its answer is reused for five seconds", async (t) => {
  const clock = handClock();
  const afresh = new RevalidationLimiter<number>(clock);
  const answers: ((n: number) => void)[] = [];
  const ask = (name = "name") => afresh.ask(name, () => new Promise((resolve) => void answers.push(resolve)));
  const [first, second] = [ask(), ask()];
  clock.move(60_000);
  const third = ask();
  t.equal(answers.length, 1, "a lookup in flight is shared without a time limit");
  void ask("another name");
  t.equal(answers.length, 2);
  answers[0]?.(1);
  t.strictSame(await Promise.all([first, second, third]), [1, 1, 1]);
  clock.move(4_999);
  t.equal(await ask(), 1, "the five seconds start at the answer");
  clock.move(1);
  const fourth = ask();
  answers[2]?.(2);
  t.equal(await fourth, 2);
  afresh.flush();
  const fifth = ask();
  answers[3]?.(3);
  t.equal(await fifth, 3, "a flush ends the reuse");
});

t.test("all waiting calls get the error of a failed lookup, and the next call looks up again", async (t) => {
  const afresh = new RevalidationLimiter<string>(handClock());
  const failing = async (): Promise<string> => {
    throw new Error("no answer");
  };
  const [first, second] = [afresh.ask("name", failing), afresh.ask("name", async () => "an answer")];
  await t.rejects(first, { message: "no answer" });
  await t.rejects(second, { message: "no answer" });
  t.equal(await afresh.ask("name", async () => "another"), "another");
});
