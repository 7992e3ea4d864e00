import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, hangs } from "../support/faults.ts";
import { until } from "../support/until.ts";
import { OUT, further, isLogged, judge, load, pairFor, pausing, read } from "./support-targets.ts";

/** Which of two targets a request goes to, and what happens where checks take out both. */

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

await t.test("a slow target gets no more than it can carry", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  await load(pair, Promise.all([further(one, 4), further(two, 4)]));
  const { fault, resume } = pausing();
  one.stage(fault);
  const before = one.asked.length;
  const story = async (): Promise<void> => {
    await further(two, 100);
    // Two of the four clients wait for it. Of the other two at most one is at the other target when one sends.
    const slow = one.asked.length - before;
    t.ok(slow <= 2, `${slow} requests to the slow target, 100 to the other`);
    one.stage(carries);
    resume();
  };
  await judge(t, "slow", await load(pair, story()));
});

await t.test("checks that fail everywhere take no target out: requests are answered as before", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  t.equal(await read(pair), 200);
  // The key is known by now, so that what asks /me is the check.
  for (const line of [one, two]) line.stage(hangs, /^GET \/api\/users\/me/);
  await until("checks of both that ran out of time", () => {
    pair.clock.move(3_600_000);
    return [one, two].every(({ url }) => isLogged(pair, OUT, url));
  });
  const result = await load(pair, Promise.all([further(one, 30), further(two, 30)]));
  await judge(t, "no check succeeds", result);
});

await t.test("native requests without a body go past a target that refuses them", async (t) => {
  const pair = await pairFor(t, cms);
  await pair.one.refuse();
  for (let i = 0; i < 20; i += 1) {
    const answer = await fetch(`${pair.gateway.url}/api/posts?limit=1`);
    await answer.text();
    t.not(answer.status, 502);
  }
});

await t.test(
  "with every target gone the answer is an error at once, and all is well when one is back",
  async (t) => {
    const pair = await pairFor(t, cms);
    await Promise.all([pair.one.refuse(), pair.two.refuse()]);
    await until("an open breaker", async () => (await read(pair)) === 503);
    await pair.two.heal();
    await until("an answer", async () => {
      pair.clock.move(100);
      return (await read(pair)) === 200;
    });
    t.pass("answered again");
  },
);
