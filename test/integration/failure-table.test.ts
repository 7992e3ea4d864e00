import { setImmediate as tick } from "node:timers/promises";
import t, { type Test } from "tap";
import { startCms } from "../support/cms/server.ts";
import {
  answerOf,
  closesEarly,
  closesMidway,
  drips,
  hangs,
  losesAnswer,
  resetsEarly,
  resetsMidway,
  says,
  saysAndCloses,
  startFaultyLine,
  stopsMidway,
  swallowsAnswer,
  type Fault,
} from "../support/faults.ts";
import { startTestGateway, type TestGateway } from "../support/gateway.ts";
import { loginTo, readPosts, writePost } from "../support/partner.ts";

/**
 * The failure table: each way in which the CMS can fail (a row) for each kind of request (a column), by name. A partner
 * hears what is true of its request: 503, nothing was done, not even its key could be checked; 502 and 504, it may have
 * happened; 500, the CMS said something that is no answer. Never a 4xx, never a part of an answer as a whole one.
 */

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

// As long as a loaded machine may need for an answer, but below the 5 s after which the CMS closes what lies idle.
const SETTINGS = {
  partners: { collections: ["posts"], deadline: "30s" },
  // A breaker that opened would answer for the rows below; it has tests of its own.
  upstream: { firstByteTimeout: "3500ms", idleTimeout: "3500ms", deadline: "4s", breakerFailures: 100_000 },
  native: { firstByteTimeout: "4s", idleTimeout: "4s" },
};
const TEXT = "TEXT-OF-THE-FAULT";
const token = await loginTo(cms);

/** What each column answers; `cut`: the connection ends within the answer. */
interface Row {
  readonly name: string;
  readonly fault: Fault | "refuse";
  /** A read with a key that is remembered, and with that the write whose check got through and which itself failed. */
  readonly warm: number;
  readonly native: number | "cut" | "endless";
  /** Whether a write that failed so has happened. */
  readonly written?: boolean;
}

const html = (status: string): Fault =>
  says(answerOf(status, `<h1>${TEXT}</h1>`, ["content-type: text/html"]));
const json = (status: string, body: string): Fault => says(answerOf(status, body));
const error = `{"errors":[{"message":"${TEXT}"}]}`;
const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

const ROWS: readonly Row[] = [
  { name: "down", fault: "refuse", warm: 502, native: 502 },
  { name: "silent before an answer", fault: hangs, warm: 504, native: 504 },
  { name: "closed before an answer", fault: closesEarly, warm: 502, native: 502 },
  { name: "reset before an answer", fault: resetsEarly, warm: 502, native: 502 },
  { name: "reset instead of its answer", fault: losesAnswer, warm: 502, native: 502, written: true },
  { name: "silent instead of its answer", fault: swallowsAnswer, warm: 504, native: 504, written: true },
  { name: "reset within its answer", fault: resetsMidway, warm: 502, native: "cut", written: true },
  { name: "closed within its answer", fault: closesMidway, warm: 502, native: "cut", written: true },
  { name: "silent within its answer", fault: stopsMidway, warm: 504, native: "cut", written: true },
  { name: "dripping", fault: drips, warm: 504, native: "endless" },
  { name: "answering 500", fault: json("500 X", error), warm: 500, native: 500 },
  { name: "answering 503", fault: json("503 X", error), warm: 500, native: 503 },
  { name: "replaced by a page of its hosting, 502", fault: html("502 Bad Gateway"), warm: 500, native: 502 },
  { name: "replaced by a page of its hosting, 200", fault: html("200 OK"), warm: 500, native: 200 },
  { name: "answering half a JSON", fault: json("200 OK", `{"docs":[{"${TEXT}`), warm: 500, native: 200 },
  { name: "answering nothing", fault: json("200 OK", ""), warm: 500, native: 200 },
  {
    name: "answering a list of something else",
    fault: json("200 OK", `[["${TEXT}"]]`),
    warm: 500,
    native: 200,
  },
  { name: "answering no HTTP", fault: saysAndCloses(`${TEXT}\r\n\r\n`), warm: 502, native: 502 },
  {
    name: "too short",
    fault: saysAndCloses(`${OK}content-length: 90\r\n\r\n{"a":1}`),
    warm: 502,
    native: "cut",
  },
  {
    name: "too long",
    fault: says(`${OK}content-length: 2\r\n\r\n{}{"${TEXT}":1}`),
    warm: 500,
    native: "cut",
  },
  {
    name: "of two lengths",
    fault: says(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
    warm: 502,
    native: 502,
  },
];

for (const [index, row] of ROWS.entries()) {
  t.test(`the CMS is ${row.name}`, async (t) => {
    const gateway = await startTestGateway(line.url, SETTINGS);
    t.teardown(() => gateway.stop());
    t.teardown(() => line.heal());
    t.equal((await readPosts(gateway, "partnerA")).status, 200, "a key is in memory");
    const record = index + 1;

    await (row.fault === "refuse" ? line.refuse() : line.stage(row.fault));
    const [warm, unknown, unchecked] = await Promise.all([
      readPosts(gateway, "partnerA"),
      readPosts(gateway, "partnerAC"),
      writePost(gateway, record, "unchecked"),
      native(t, gateway, row),
    ]);
    await fails(t, { gateway, answer: warm, status: row.warm, what: "partner read, key in memory" });
    await fails(t, { gateway, answer: unknown, status: 503, what: "partner with a key not in memory" });
    await fails(t, { gateway, answer: unchecked, status: 503, what: "partner write that cannot be checked" });

    if (row.fault !== "refuse") {
      line.stage(row.fault, /^PATCH /);
      const before = line.asked.length;
      const lost = await writePost(gateway, record, row.name);
      await fails(t, { gateway, answer: lost, status: row.warm, what: "partner write, lost" });
      const sent = line.asked.slice(before).filter((asked) => asked.startsWith("PATCH "));
      t.equal(sent.length, 1, "it was sent once");
    }

    await line.heal();
    const { text } = await cms.payload.findByID({ collection: "posts", id: record });
    t.equal(text === row.name, row.written === true, "the write has happened or not, as the CMS knows");
    t.not(text, "unchecked", "an unchecked write has not");
    t.equal((await readPosts(gateway, "partnerA")).status, 200, "afterwards all is well");
    t.equal((await readPosts(gateway, "partnerAC")).status, 200, "nothing was remembered of the key");
    t.equal((await writePost(gateway, record, "after")).status, 200);
  });
}

t.test("the CMS is being deployed: its idle connections are closed, and nobody notices", async (t) => {
  const gateway = await startTestGateway(line.url, SETTINGS);
  t.teardown(() => gateway.stop());
  t.equal((await readPosts(gateway, "partnerA")).status, 200);
  await line.refuse();
  await line.heal();
  for (let i = 0; i < 50; i++) await tick();
  const answers = await Promise.all([
    readPosts(gateway, "partnerA"),
    readPosts(gateway, "partnerAC"),
    writePost(gateway, 24, "deployed"),
    fetch(`${gateway.url}/api/posts/1`, { headers: { authorization: token } }),
  ]);
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  );
});

t.test(
  "the CMS is down for long: 503 at once, /readyz says so and stays 200, and it finds back by itself",
  async (t) => {
    const settings = {
      ...SETTINGS,
      upstream: { ...SETTINGS.upstream, breakerFailures: 2, breakerRetry: "300ms" },
    };
    const gateway = await startTestGateway(line.url, settings);
    t.teardown(() => gateway.stop());
    t.equal((await readPosts(gateway, "partnerA")).status, 200);
    await line.refuse();
    const statuses = new Set<number>();
    for (let i = 0; i < 50 && !statuses.has(503); i++)
      statuses.add((await readPosts(gateway, "partnerA")).status);
    t.strictSame([...statuses], [502, 503], "502 while it is tried, then 503");
    const answer = await readPosts(gateway, "partnerA");
    t.equal(answer.headers.get("retry-after"), "1");
    const health = await fetch(`${gateway.adminUrl}/readyz`);
    t.equal(health.status, 200, "out of service nobody could be told in the envelope what is wrong");
    t.match(await health.json(), { parts: { cms: "down" } });
    await line.heal();
    let state = "";
    for (let i = 0; i < 200 && !state.includes('"ok"'); i++) {
      await new Promise((resolve) => void setTimeout(resolve, 50));
      state = await (await fetch(`${gateway.adminUrl}/readyz`)).text();
    }
    t.match(state, /"cms":"ok"/, "without a partner's request");
    t.equal((await readPosts(gateway, "partnerA")).status, 200);
  },
);

/** The envelope, under an id that the log knows, with nothing of the CMS's. */
async function fails(
  t: Test,
  { gateway, answer, status, what }: { gateway: TestGateway; answer: Response; status: number; what: string },
): Promise<void> {
  const body = await answer.text();
  t.equal(answer.status, status, `${what}: ${status}`);
  t.notMatch(body, TEXT, what);
  const envelope: unknown = JSON.parse(body);
  const requestId = answer.headers.get("x-request-id");
  t.match(envelope, { error: String, message: String, requestId }, what);
  const logged = gateway
    .lines()
    .filter((entry) => entry["requestId"] === requestId && entry["msg"] === "request");
  t.equal(logged.length, 1, `${what}: one line in the log`);
  t.match(logged[0], { status, code: String }, `${what}: as it was answered`);
  t.ok(logged[0]?.["cause"], `${what}: with the reason`);
}

/** True where a client can tell that something is wrong, or has got exactly as much as the length said. */
async function isCut(answer: Response): Promise<boolean> {
  const body = await answer.text().catch(() => undefined);
  return body === undefined || body === "{}";
}

/** A native request under the fault; what the CMS's stand-in says passes, what breaks off breaks off. */
async function native(t: Test, gateway: TestGateway, row: Row): Promise<void> {
  const what = "native request";
  const leaving = new AbortController();
  const sent = fetch(`${gateway.url}/api/posts/1`, {
    headers: { authorization: token },
    signal: leaving.signal,
  });
  // The connection can be cut before the head has gone out: as good a way to say that there is no answer.
  const answer = await sent.catch(() => undefined);
  if (row.native === "cut") {
    t.ok(answer === undefined || (await isCut(answer)), `${what}: never a part as the whole`);
  } else if (answer === undefined) {
    t.fail(`${what}: no answer`);
  } else if (row.native === "endless") {
    t.equal(answer.status, 200, `${what}: what moves is let move`);
    const reader = answer.body?.getReader();
    t.equal((await reader?.read())?.done, false, what);
    leaving.abort();
  } else {
    t.equal(answer.status, row.native, what);
    await answer.text();
  }
}
