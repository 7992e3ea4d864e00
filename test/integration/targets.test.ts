import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, losesAnswer } from "../support/faults.ts";
import {
  BACK,
  OUT,
  checking,
  checksRunOut,
  further,
  isLogged,
  judge,
  load,
  pairFor,
  pausing,
} from "./support-targets.ts";

/** One of two targets fails and comes back: reads go to the other, and no write is sent twice. */

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

await t.test("requests are shared by both", async (t) => {
  const pair = await pairFor(t, cms);
  const result = await load(pair, Promise.all([further(pair.one, 40), further(pair.two, 40)]));
  await judge(t, "well", result);
});

await t.test("a target that is killed, and comes back", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  const story = async (): Promise<void> => {
    await Promise.all([further(one, 10), further(two, 10)]);
    await one.refuse();
    await checking(pair, OUT, () => isLogged(pair, OUT, one.url));
    await further(two, 40);
    await one.heal();
    await checking(pair, BACK, () => isLogged(pair, BACK, one.url));
    await further(one, 20);
  };
  await judge(t, "killed", await load(pair, story()));
});

await t.test("a target that is paused: its reads go to the other, its writes wait", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  const { fault, resume } = pausing();
  const story = async (): Promise<void> => {
    await Promise.all([further(one, 10), further(two, 10)]);
    one.stage(fault);
    await checksRunOut(pair, one, two);
    await further(two, 40);
    one.stage(carries);
    resume();
    await checking(pair, BACK, () => isLogged(pair, BACK, one.url));
    await further(one, 20);
  };
  const result = await load(pair, story());
  await judge(t, "paused", result);
  t.ok(
    result.writes.every(({ status }) => status === 201),
    "each write was answered in the end",
  );
});

await t.test("a target that loses its answers: reads go to the other, writes are not repeated", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  const story = async (): Promise<void> => {
    await Promise.all([further(one, 10), further(two, 10)]);
    one.stage(losesAnswer);
    await checking(pair, OUT, () => isLogged(pair, OUT, one.url));
    await further(two, 40);
    one.stage(carries);
    await checking(pair, BACK, () => isLogged(pair, BACK, one.url));
    await further(one, 20);
  };
  await judge(t, "loses answers", await load(pair, story()));
});
