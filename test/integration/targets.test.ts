import t from "tap";
import { startCms } from "../support/cms/server.ts";
import { carries, losesAnswer, type FaultyLine } from "../support/faults.ts";
import { inTime } from "../support/raw.ts";
import { until } from "../support/until.ts";
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
  read,
  write,
} from "./support-targets.ts";

/** If one of two targets fails and recovers, reads go to the other, and no write is sent twice. */

const postsOf = (line: FaultyLine): number =>
  line.asked.filter((asked) => asked.includes(" /api/posts")).length;

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

await t.test("requests are distributed over both targets", async (t) => {
  const pair = await pairFor(t, cms);
  const result = await load(pair, Promise.all([further(pair.one, 40), further(pair.two, 40)]));
  await judge(t, "well", result);
});

await t.test("if a target is killed and comes back, no read fails and no write is sent twice", async (t) => {
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

await t.test("if a target is paused, its reads go to the other and its writes wait", async (t) => {
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

await t.test("reads that wait at a paused target go to the other when checks take it out", async (t) => {
  const pair = await pairFor(t, cms);
  const { one, two } = pair;
  t.equal(await read(pair), 200);
  const [ofOne, ofTwo] = [pausing(), pausing()];
  one.stage(ofOne.fault);
  two.stage(ofTwo.fault, /^[A-Z]+ \/api\/posts/);
  const before = [one, two].map(postsOf);
  const reads = [1, 2, 3, 4].map((limit) => read(pair, limit));
  const waiting = (each: number) => [one, two].every((line, i) => postsOf(line) === (before[i] ?? 0) + each);
  await until("two reads at each target", () => waiting(2));
  const writes = [write(pair), write(pair)];
  await until("a write at each target", () => waiting(3));
  two.stage(carries);
  ofTwo.resume();
  await checksRunOut(pair, one, two);
  const statuses = await inTime(Promise.all(reads), () => "the reads at the other target");
  const done = await Promise.race(writes);
  t.equal(done.status, 201, "the write at the other target");
  one.stage(carries);
  ofOne.resume();
  await judge(t, "paused", { cms, reads: statuses, writes: await Promise.all(writes) });
  t.equal(
    postsOf(one) + postsOf(two),
    (before[0] ?? 0) + (before[1] ?? 0) + 8,
    "two reads were sent again, and no write",
  );
});

await t.test("if a target loses its answers, reads go to the other and no write is repeated", async (t) => {
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
