import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, hangs } from "../support/faults.ts";
import { until } from "../support/until.ts";
import { OUT, further, isLogged, judge, load, pairFor, pausing, read } from "./support-targets.ts";

/** The choice between two targets, and the case in which the health checks of both fail. */

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

await t.test("a slow target gets at most as many requests as it can carry", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  await load(pair, Promise.all([further(one, 4), further(two, 4)]));
  const { fault, resume } = pausing();
  one.stage(fault);
  const before = one.asked.length;
  const story = async (): Promise<void> => {
    await further(two, 100);
    // Two of the four clients wait for it. At most one other client is at the other target when one sends.
    const slow = one.asked.length - before;
    t.ok(slow <= 2, `${slow} requests to the slow target, 100 to the other`);
    one.stage(carries);
    resume();
  };
  await judge(t, "slow", await load(pair, story()));
});

await t.test("if health checks fail at both targets, neither is taken out, and requests work", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  t.equal(await read(pair), 200);
  // The key is cached by now, so every request for /me is a health check.
  for (const line of [one, two]) line.stage(hangs, /^GET \/api\/users\/me/);
  await until("checks of both that timed out", () => {
    pair.clock.move(3_600_000);
    return [one, two].every(({ url }) => isLogged(pair, OUT, url));
  });
  const result = await load(pair, Promise.all([further(one, 30), further(two, 30)]));
  await judge(t, "no check succeeds", result);
});

await t.test("native requests without a body are sent to the other target if one refuses them", async (t) => {
  const pair = await pairFor(t, cms);
  await pair.one.refuse();
  for (let i = 0; i < 20; i += 1) {
    const answer = await fetch(`${pair.gateway.url}/api/posts?limit=1`);
    await answer.text();
    t.not(answer.status, 502);
  }
});

await t.test(
  "if every target is down the answer is an error at once, and requests succeed when one is back",
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
