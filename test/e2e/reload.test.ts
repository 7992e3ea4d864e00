import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import t, { type Test } from "tap";
import { stringify } from "yaml";

import { KEYS } from "../support/cms/keys.ts";
import { startCms } from "../support/cms/server.ts";
import { startFaultyLine, type FaultyLine } from "../support/faults.ts";
import { startProgram, type Program } from "../support/program.ts";
import { until } from "../support/until.ts";
import { patient } from "../support/clients.ts";

// SIGHUP to the program, mostly under load: what can change changes without a failed request, what cannot is named.
t.setTimeout(0);

const cms = await startCms({ record: false });
t.teardown(() => cms.close());

type Settings = Record<string, unknown>;

async function gatewayFor(t: Test, settings: Settings): Promise<Program> {
  const gateway = await startProgram("", { settings: patient(settings) });
  t.teardown(() => gateway.stop());
  return gateway;
}

/** Writes the file, sends SIGHUP and gives the line that the log has for it. */
async function reload(gateway: Program, settings: Settings | string): Promise<Record<string, unknown>> {
  const from = gateway.lines().length;
  const text = typeof settings === "string" ? settings : stringify(patient(settings));
  await writeFile(join(gateway.cwd, "settings.yaml"), text);
  gateway.signal("SIGHUP");
  return until("a word of the reload", () =>
    gateway
      .lines()
      .slice(from)
      .find(({ msg }) => /^configuration (?:not )?reloaded/.test(String(msg))),
  );
}

const HEADERS = { authorization: `users API-Key ${KEYS.partnerA}`, "content-type": "application/json" };
const POSTS = "/partners/2026-02/tenant-a/posts";

async function statusOf(gateway: Program, path: string, init: RequestInit = {}): Promise<number> {
  const answer = await fetch(gateway.url + path, { headers: HEADERS, ...init });
  await answer.text();
  return answer.status;
}

async function metricsOf(gateway: Program): Promise<string> {
  return (await fetch(`${gateway.adminUrl}/metrics`)).text();
}

/** Reads, writes and native requests from several clients until `work` is done. Their statuses. */
async function underLoad(gateway: Program, work: () => Promise<void>): Promise<number[]> {
  const state = { isDone: false };
  const statuses: number[] = [];
  const client = async (n: number): Promise<void> => {
    while (!state.isDone) {
      const body = JSON.stringify({ text: `client ${n}` });
      statuses.push(await statusOf(gateway, `${POSTS}?limit=1`));
      statuses.push(await statusOf(gateway, `${POSTS}/${n + 1}`, { method: "PATCH", body }));
      const native = await fetch(`${gateway.url}/api/users/me`);
      await native.text();
      statuses.push(native.status);
    }
  };
  const clients = Array.from({ length: 4 }, (_, n) => client(n));
  await work().finally(() => (state.isDone = true));
  await Promise.all(clients);
  return statuses;
}

const further = (line: FaultyLine, more: number): Promise<void> => line.carried(line.asked.length + more);

async function linesTo(t: Test, n: number): Promise<FaultyLine[]> {
  const lines = await Promise.all(Array.from({ length: n }, () => startFaultyLine(() => cms.port)));
  t.teardown(() => Promise.all(lines.map((line) => line.close())));
  return lines;
}

const withTargets = (...lines: readonly (FaultyLine | undefined)[]): Settings => ({
  upstream: {
    targets: lines.flatMap((line) => (line === undefined ? [] : [line.url])),
    healthInterval: "200ms",
    // A CMS that is slow is not to be taken for one that is down.
    healthTimeout: "10m",
  },
});

await t.test("targets are replaced one after the other under load without a failed request", async (t) => {
  const lines = await linesTo(t, 4);
  const gateway = await gatewayFor(t, withTargets(lines[0], lines[1]));
  const statuses = await underLoad(gateway, async () => {
    for (const [index, line] of lines.entries()) {
      const [next, another] = [lines[index + 1], lines[index + 2]];
      await further(line, 10);
      if (next === undefined || another === undefined) return;
      t.equal((await reload(gateway, withTargets(next, another)))["msg"], "configuration reloaded");
      // Drained: the target is let go of, and only then it is ended, as a deployment would.
      await until("the target to be let go of", () => line.connections() === 0);
      await line.refuse();
      await further(another, 10);
    }
  });
  t.strictSame(
    statuses.filter((status) => status !== 200),
    [],
  );
  t.comment(`rolling replacement: ${statuses.length} requests, 0 failed`);
});

await t.test("an only target is replaced by another, and its key is asked for anew", async (t) => {
  const [one, two] = await linesTo(t, 2);
  if (one === undefined || two === undefined) throw new Error("two lines");
  const gateway = await gatewayFor(t, withTargets(one));
  t.equal(await statusOf(gateway, POSTS), 200);
  await reload(gateway, withTargets(two));
  const before = two.asked.length;
  t.equal(await statusOf(gateway, POSTS), 200);
  t.ok(
    two.asked.slice(before).some((line) => line.startsWith("GET /api/users/me")),
    "another CMS for all we know",
  );
});

await t.test("SIGHUP after SIGHUP under load fails no request", async (t) => {
  const settings = { upstream: { url: cms.url } };
  const gateway = await gatewayFor(t, settings);
  const statuses = await underLoad(gateway, async () => {
    for (let i = 0; i < 10; i += 1) await reload(gateway, { ...settings, limits: { page: 50 + i } });
  });
  t.strictSame(
    statuses.filter((status) => status !== 200),
    [],
  );
  t.comment(`10 reloads: ${statuses.length} requests, 0 failed`);
});

await t.test("collections, versions, native prefixes and the log level take effect at once", async (t) => {
  const settings = { upstream: { url: cms.url } };
  const gateway = await gatewayFor(t, settings);
  const all = () =>
    Promise.all([
      statusOf(gateway, POSTS),
      statusOf(gateway, "/partners/2027-01/tenant-a/events"),
      statusOf(gateway, "/elsewhere", { headers: {} }),
    ]);
  t.strictSame(await all(), [200, 400, 404]);
  const changed = {
    ...settings,
    partners: { collections: ["events"], versions: ["2026-02", "2027-01"] },
    native: { prefixes: ["/"] },
  };
  await reload(gateway, { ...changed, log: { level: "error" } });
  t.strictSame((await all()).slice(0, 2), [404, 200]);
  const page = await fetch(`${gateway.url}/elsewhere`);
  t.notMatch(await page.text(), "Route not found", "the CMS's own answer");
  // Quiet by now, so that this reload is seen in the metrics only.
  await writeFile(join(gateway.cwd, "settings.yaml"), stringify(patient(changed)));
  gateway.signal("SIGHUP");
  await until("the second reload", async () =>
    /reloads_total\{outcome="applied"\} 2/.test(await metricsOf(gateway)),
  );
  const answer = await fetch(gateway.url + POSTS, { headers: HEADERS });
  const requestId = answer.headers.get("x-request-id");
  await until("the request's line", () => gateway.lines().some((line) => line["requestId"] === requestId));
  const paths = gateway.lines().filter(({ msg, code }) => msg === "request" && code === "route.unknown");
  t.equal(
    paths.length,
    2,
    "one from before and one from after: nothing was logged while the level was error",
  );
});

await t.test("what needs a restart is named and stays as it is", async (t) => {
  const settings = { upstream: { url: cms.url } };
  const gateway = await gatewayFor(t, settings);
  const line = await reload(gateway, { ...settings, server: { maxHeaders: 50 }, cache: { keys: 5 } });
  t.strictSame(line["needRestart"], ["server.maxHeaders", "cache.keys"]);
  t.equal(await statusOf(gateway, POSTS), 200);
});

await t.test("a bad configuration changes nothing, and every problem of it is logged", async (t) => {
  const gateway = await gatewayFor(t, { upstream: { url: cms.url }, partners: { collections: ["posts"] } });
  const bad = await reload(gateway, {
    upstream: { url: "nowhere" },
    native: { upstream: "old" },
    partners: { collections: ["users"], versionUpstreams: { "2026-02": "older", "2000-01": "default" } },
  });
  t.equal(bad["msg"], "configuration not reloaded: the old one stays");
  const problems = JSON.stringify(bad["problems"]);
  for (const part of [
    "upstream.url: expected an origin",
    "there is no upstream old; known are default",
    "no upstream older",
    "2000-01 is no supported version",
    "users can never be exposed",
  ])
    t.ok(problems.includes(part), part);
  t.equal((await reload(gateway, "upstream: ["))["level"], 50, "nor one that is no YAML");
  t.equal(await statusOf(gateway, POSTS), 200);
  t.equal(await statusOf(gateway, "/partners/2026-02/tenant-a/events"), 404);
  t.match(await metricsOf(gateway), 'gateway_reloads_total{outcome="refused"} 2');
});
