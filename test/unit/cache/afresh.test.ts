import t from "tap";
import { Afresh } from "../../../src/cache/afresh.ts";

t.test("never are two questions of a name under way, whenever the next one comes", async (t) => {
  for (let late = 0; late < 10; late += 1) {
    const afresh = new Afresh<number>();
    let [underWay, most, begun] = [0, 0, 0];
    const question = async (): Promise<number> => {
      underWay += 1;
      begun += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => void setImmediate(resolve));
      underWay -= 1;
      if (begun === 1) void come();
      return begun;
    };
    /** One who asks so many turns after the first question has ended. */
    const came = Promise.withResolvers<number>();
    const come = async (): Promise<void> => {
      for (let turn = 0; turn < late; turn += 1) await Promise.resolve();
      afresh.ask("name", question).then(came.resolve, came.reject);
    };
    const all = [afresh.ask("name", question), afresh.ask("name", question), came.promise];
    const [first, second, third] = await Promise.all(all);
    t.strictSame([first, second], [1, 2]);
    t.ok(third === 2 || third === 3, "the one that waits, or the one after");
    t.equal(most, 1, `${late} turns after`);
  }
});

t.test("a question that fails is everybody's who waits for it, and the next one begins", async (t) => {
  const afresh = new Afresh<string>();
  const failing = async (): Promise<string> => {
    throw new Error("no answer");
  };
  const first = afresh.ask("name", failing);
  const second = afresh.ask("name", async () => "an answer");
  await t.rejects(first, { message: "no answer" });
  t.equal(await second, "an answer");
  t.equal(await afresh.ask("name", async () => "another"), "another");
});
