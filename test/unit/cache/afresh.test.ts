import t from "tap";
import { Afresh } from "../../../src/cache/afresh.ts";
import { handClock } from "../../support/clock.ts";

t.test("of a name one question is under way, and its answer counts for five seconds", async (t) => {
  const clock = handClock();
  const afresh = new Afresh<number>(clock);
  const answers: ((n: number) => void)[] = [];
  const ask = (name = "name") => afresh.ask(name, () => new Promise((resolve) => void answers.push(resolve)));
  const [first, second] = [ask(), ask()];
  clock.move(60_000);
  const third = ask();
  t.equal(answers.length, 1, "however long it takes");
  void ask("another name");
  t.equal(answers.length, 2);
  answers[0]?.(1);
  t.strictSame(await Promise.all([first, second, third]), [1, 1, 1]);
  clock.move(4_999);
  t.equal(await ask(), 1, "from when it has come");
  clock.move(1);
  const fourth = ask();
  answers[2]?.(2);
  t.equal(await fourth, 2);
  afresh.flush();
  const fifth = ask();
  answers[3]?.(3);
  t.equal(await fifth, 3, "or until all is forgotten");
});

t.test("a question that fails is everybody's who waits for it, and the next one asks again", async (t) => {
  const afresh = new Afresh<string>(handClock());
  const failing = async (): Promise<string> => {
    throw new Error("no answer");
  };
  const [first, second] = [afresh.ask("name", failing), afresh.ask("name", async () => "an answer")];
  await t.rejects(first, { message: "no answer" });
  await t.rejects(second, { message: "no answer" });
  t.equal(await afresh.ask("name", async () => "another"), "another");
});
