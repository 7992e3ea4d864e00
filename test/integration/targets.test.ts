import { setTimeout as pause } from "node:timers/promises";
import t, { type Test } from "tap";

import { KEYS } from "../support/cms/keys.ts";
import { startCms } from "../support/cms/server.ts";
import {
  carries,
  hangs,
  losesAnswer,
  startFaultyLine,
  type Fault,
  type FaultyLine,
} from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";

// Two targets of one CMS, each behind a wire on which faults are staged. Whatever becomes of one: no read fails, and no
// write reaches the CMS twice.

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

const HEALTH = { healthInterval: "100ms", healthTimeout: "400ms" };

interface Pair {
  readonly gateway: TestGateway;
  readonly one: FaultyLine;
  readonly two: FaultyLine;
}

async function pairFor(t: Test, upstream: Record<string, unknown> = HEALTH): Promise<Pair> {
  const [one, two] = await Promise.all([startFaultyLine(() => cms.port), startFaultyLine(() => cms.port)]);
  const gateway = await startTestGateway("", { upstream: { targets: [one.url, two.url], ...upstream } });
  t.teardown(async () => {
    await gateway.stop();
    await Promise.all([one.close(), two.close()]);
  });
  return { gateway, one, two };
}

const HEADERS = { authorization: `users API-Key ${KEYS.partnerA}`, "content-type": "application/json" };

async function read({ gateway }: Pair): Promise<number> {
  const answer = await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts?limit=2`, { headers: HEADERS });
  await answer.text();
  return answer.status;
}

let written = 0;

/** Creates a post under a title of its own. */
async function write({ gateway }: Pair): Promise<{ title: string; status: number }> {
  const title = `written ${(written += 1)}`;
  const answer = await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify({ title, text: "once" }),
  });
  await answer.text();
  return { title, status: answer.status };
}

async function timesInCms(title: string): Promise<number> {
  return (await cms.payload.find({ collection: "posts", where: { title: { equals: title } } })).totalDocs;
}

/** Reads and writes from several clients at once until `done`; says what came of it. */
async function load(pair: Pair, done: Promise<unknown>) {
  const state = { isDone: false };
  void done.finally(() => (state.isDone = true));
  const reads: number[] = [];
  const writes: { title: string; status: number }[] = [];
  const client = async (): Promise<void> => {
    while (!state.isDone) {
      reads.push(await read(pair));
      writes.push(await write(pair));
    }
  };
  await Promise.all(Array.from({ length: 4 }, client));
  return { reads, writes };
}

type Loaded = Awaited<ReturnType<typeof load>>;

/** Resolves when `line` has carried `more` requests beyond those so far. */
const further = (line: FaultyLine, more: number): Promise<void> => line.carried(line.asked.length + more);

async function judge(t: Test, what: string, { reads, writes }: Loaded): Promise<void> {
  const failed = reads.filter((status) => status !== 200);
  t.strictSame(failed, [], `${what}: no read failed`);
  let [good, unknown] = [0, 0];
  for (const { title, status } of writes) {
    const times = await timesInCms(title);
    if (status === 201) good += 1;
    else unknown += 1;
    t.ok(
      status === 201 ? times === 1 : times <= 1,
      `${what}: ${title} (${status}) is ${times} times in the CMS`,
    );
  }
  t.comment(
    `${what}: ${reads.length} reads, 0 failed; ${good} writes done once, ${unknown} answered by an error and done at most once`,
  );
}

/** Resolves when the log tells that of a target. */
async function logged({ gateway }: Pair, msg: string, target: string): Promise<void> {
  while (!gateway.lines().some((line) => line["msg"] === msg && line["target"] === target)) await pause(20);
}

const OUT = "target does not work: it gets no more requests";
const BACK = "target works again";

await t.test("requests are shared by both", async (t) => {
  const pair = await pairFor(t);
  const result = await load(pair, Promise.all([further(pair.one, 40), further(pair.two, 40)]));
  await judge(t, "well", result);
});

await t.test("a target that is killed, and comes back", async (t) => {
  const pair = await pairFor(t);
  const { one, two } = pair;
  const story = async (): Promise<void> => {
    await Promise.all([further(one, 10), further(two, 10)]);
    await one.refuse();
    await logged(pair, OUT, one.url);
    await further(two, 40);
    await one.heal();
    await logged(pair, BACK, one.url);
    await further(one, 20);
  };
  await judge(t, "killed", await load(pair, story()));
});

for (const [what, fault] of [
  ["paused", hangs],
  ["a target that loses its answers", losesAnswer],
] as const satisfies readonly (readonly [string, Fault])[]) {
  await t.test(`${what}: reads go on at the other, writes are not repeated`, async (t) => {
    const pair = await pairFor(t);
    const { one, two } = pair;
    const story = async (): Promise<void> => {
      await Promise.all([further(one, 10), further(two, 10)]);
      one.stage(fault);
      await logged(pair, OUT, one.url);
      await further(two, 40);
      one.stage(carries);
      await logged(pair, BACK, one.url);
      await further(one, 20);
    };
    // A write that hangs is given up by its own limit, not by the check.
    await judge(t, what, await load(pair, story()));
  });
}

await t.test("a slow target gets what it can carry", async (t) => {
  const pair = await pairFor(t, { healthInterval: "100ms", healthTimeout: "20s" });
  const { one, two } = pair;
  await load(pair, Promise.all([further(one, 4), further(two, 4)]));
  const [before, beside] = [one.asked.length, two.asked.length];
  one.stage(({ forward, gateway }) => forward((chunk) => void setTimeout(() => gateway.write(chunk), 300)));
  await judge(t, "slow", await load(pair, further(two, 200)));
  const [slow, quick] = [one.asked.length - before, two.asked.length - beside];
  t.ok(slow < quick, `${slow} of ${slow + quick} went to the slow one`);
  t.comment(`slow: ${slow} of ${slow + quick} requests went to the slow target`);
});

await t.test("checks that fail everywhere take nobody out: requests are answered as before", async (t) => {
  const pair = await pairFor(t);
  const { one, two } = pair;
  t.equal(await read(pair), 200);
  // The key is known by now, so that what asks /me is the check.
  for (const line of [one, two]) line.stage(hangs, /^GET \/api\/users\/me/);
  await Promise.all([logged(pair, OUT, one.url), logged(pair, OUT, two.url)]);
  const result = await load(pair, Promise.all([further(one, 30), further(two, 30)]));
  await judge(t, "no check succeeds", result);
});

await t.test("native requests without a body go past a target that refuses them", async (t) => {
  const pair = await pairFor(t, { healthInterval: "1h", healthTimeout: "1s" });
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
    const pair = await pairFor(t);
    await Promise.all([pair.one.refuse(), pair.two.refuse()]);
    while ((await read(pair)) !== 503) continue;
    await pair.two.heal();
    while ((await read(pair)) !== 200) continue;
    t.pass("answered again");
  },
);
