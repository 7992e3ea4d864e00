import type { Test } from "tap";
import { handClock, type HandClock } from "../support/clock.ts";
import { KEYS } from "../support/cms/keys.ts";
import type { Cms } from "../support/cms/server.ts";
import { carries, startFaultyLine, type Fault, type FaultyLine, type OnWire } from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";

// Two targets of one CMS, each behind a line on which faults are staged. Whatever happens to one, no read
// fails and no write reaches the CMS twice. Only `clock.move` moves the time, so a slow machine fails no
// check.

/** An hour of the manual clock, on which each poll of a test takes 10 ms. */
const HOUR_MS = 3_600_000;
const HEALTH_INTERVAL_MS = 10;
const SETTINGS = {
  partners: { deadline: "200h" },
  upstream: {
    healthInterval: `${HEALTH_INTERVAL_MS}ms`,
    healthTimeout: "1h",
    connectTimeout: "100h",
    firstByteTimeout: "100h",
    idleTimeout: "100h",
    deadline: "200h",
  },
  cache: { keyTtl: "200h", tenantTtl: "200h" },
};

export interface Pair {
  readonly cms: Cms;
  readonly clock: HandClock;
  readonly gateway: TestGateway;
  readonly one: FaultyLine;
  readonly two: FaultyLine;
}

export async function pairFor(t: Test, cms: Cms): Promise<Pair> {
  const [one, two] = await Promise.all([startFaultyLine(() => cms.port), startFaultyLine(() => cms.port)]);
  const clock = handClock();
  const upstream = { targets: [one.url, two.url], ...SETTINGS.upstream };
  const gateway = await startTestGateway("", { ...SETTINGS, upstream }, { clock });
  t.teardown(async () => {
    await gateway.stop();
    await Promise.all([one.close(), two.close()]);
  });
  return { cms, clock, gateway, one, two };
}

const HEADERS = { authorization: `users API-Key ${KEYS.partnerA}`, "content-type": "application/json" };

/** Reads a list; concurrent reads of the same length share one upstream request. */
export async function read({ gateway }: Pair, limit = 2): Promise<number> {
  const answer = await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts?limit=${limit}`, {
    headers: HEADERS,
  });
  await answer.text();
  return answer.status;
}

let written = 0;

/** Creates a post with a unique title. */
export async function write({ gateway }: Pair): Promise<{ title: string; status: number }> {
  const title = `written ${(written += 1)}`;
  const answer = await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts`, {
    method: "POST",
    headers: HEADERS,
    body: JSON.stringify({ title, text: "once" }),
  });
  await answer.text();
  return { title, status: answer.status };
}

async function timesInCms(cms: Cms, title: string): Promise<number> {
  return (await cms.payload.find({ collection: "posts", where: { title: { equals: title } } })).totalDocs;
}

/** Reads and writes with four clients at once until `done`. Resolves with the statuses. */
export async function load(pair: Pair, done: Promise<unknown>) {
  const state = { isDone: false };
  void done.finally(() => (state.isDone = true));
  const reads: number[] = [];
  const writes: { title: string; status: number }[] = [];
  const client = async (limit: number): Promise<void> => {
    while (!state.isDone) {
      reads.push(await read(pair, limit));
      writes.push(await write(pair));
    }
  };
  await Promise.all([1, 2, 3, 4].map(client));
  return { cms: pair.cms, reads, writes };
}

type Loaded = Awaited<ReturnType<typeof load>>;

/** Resolves when `line` has carried `more` further requests. */
export const further = (line: FaultyLine, more: number): Promise<void> =>
  line.carried(line.asked.length + more);

export async function judge(t: Test, what: string, { cms, reads, writes }: Loaded): Promise<void> {
  const failed = reads.filter((status) => status !== 200);
  t.strictSame(failed, [], `${what}: no read failed`);
  let [good, unknown] = [0, 0];
  for (const { title, status } of writes) {
    const times = await timesInCms(cms, title);
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

/** Reports whether the log has this message about a target. */
export function isLogged({ gateway }: Pair, msg: string, target: string): boolean {
  return gateway.lines().some((line) => line["msg"] === msg && line["target"] === target);
}

export const OUT = "target does not work: it gets no more requests";
export const BACK = "target works again";

/** Moves the clock from check to check until `isSeen`. No check times out. */
export function checking(pair: Pair, what: string, isSeen: () => boolean): Promise<true> {
  return until(what, () => {
    pair.clock.move(HEALTH_INTERVAL_MS);
    return isSeen();
  });
}

const checksOf = (line: FaultyLine): number =>
  line.asked.filter((asked) => asked.startsWith("GET /api/users/me")).length;

/** Lets the checks of `silent`, which does not answer, time out until the target is taken out. */
export async function checksRunOut(pair: Pair, silent: FaultyLine, well: FaultyLine): Promise<void> {
  while (!isLogged(pair, OUT, silent.url)) {
    // A check of the other target begins when the last one has ended. None is in flight for two half
    // timeouts.
    const before = checksOf(well);
    await checking(pair, "the next check of the other target", () => checksOf(well) > before);
    pair.clock.move(HOUR_MS / 2);
  }
}

/** A process that is suspended and resumed: requests wait, and are carried out after `resume`. */
export function pausing(): { readonly fault: Fault; readonly resume: () => void } {
  const held: OnWire[] = [];
  return {
    fault: (request) => void held.push(request),
    resume() {
      for (const request of held) if (!request.gateway.destroyed) carries(request);
    },
  };
}
