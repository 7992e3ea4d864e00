import t from "tap";
import { handClock } from "../support/clock.ts";
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
import { startTestGateway } from "../support/gateway.ts";
import { loginTo, readPosts, writePost } from "../support/partner.ts";
import { until } from "../support/until.ts";
import {
  NATIVE,
  PARTNERS,
  SHORT,
  TEXT,
  WRITE,
  fails,
  nativeRead,
  roundTrip,
  whileTimePasses,
  type Row,
} from "./support-failure-table.ts";

/**
 * The failure table: each way the CMS can fail (a row) for each kind of request (a column). The partner's
 * status says what is true of its request. 503: nothing was done, because the key could not be verified. 502
 * and 504: the write may have happened. 500: the CMS's answer was invalid. A failure is never a 4xx, and a
 * partial answer is never sent as a complete one.
 */

const cms = await startCms({ record: false });
const line = await startFaultyLine(() => cms.port);
t.teardown(async () => {
  await line.close();
  await cms.close();
});

// The clock of partner traffic advances only in `whileTimePasses`.
const SETTINGS = {
  partners: { collections: ["posts"], deadline: "30s" },
  // An open breaker would answer in place of the CMS. The breaker has its own tests.
  upstream: { firstByteTimeout: "3500ms", idleTimeout: "3500ms", deadline: "4s", breakerFailures: 100_000 },
};
/** The interval at which the gateway probes a single target that is down. */
const PROBE_INTERVAL_MS = 1_000;
const token = await loginTo(cms);

const html = (status: string): Fault =>
  says(answerOf(status, `<h1>${TEXT}</h1>`, ["content-type: text/html"]));
const json = (status: string, body: string): Fault => says(answerOf(status, body));
const error = `{"errors":[{"message":"${TEXT}"}]}`;
const OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

const ROWS: readonly Row[] = [
  { name: "down", fault: "refuse", warm: 502, native: 502 },
  {
    name: "silent before an answer",
    fault: hangs,
    warm: 504,
    native: 504,
    nativeLimit: "firstByteTimeout",
    endsAfter: "asked",
  },
  { name: "closed before an answer", fault: closesEarly, warm: 502, native: 502 },
  { name: "reset before an answer", fault: resetsEarly, warm: 502, native: 502 },
  { name: "reset instead of its answer", fault: losesAnswer, warm: 502, native: 502, written: true },
  {
    name: "silent instead of its answer",
    fault: swallowsAnswer,
    warm: 504,
    native: 504,
    nativeLimit: "firstByteTimeout",
    endsAfter: "answered",
    written: true,
  },
  { name: "reset within its answer", fault: resetsMidway, warm: 502, native: "cut", written: true },
  { name: "closed within its answer", fault: closesMidway, warm: 502, native: "cut", written: true },
  {
    name: "silent within its answer",
    fault: stopsMidway,
    warm: 504,
    native: "cut",
    nativeLimit: "idleTimeout",
    endsAfter: "answered",
    written: true,
  },
  {
    name: "sending an answer without an end",
    fault: drips,
    warm: 504,
    native: "endless",
    endsAfter: "asked",
  },
  { name: "answering 500", fault: json("500 X", error), warm: 500, native: 500 },
  { name: "answering 503", fault: json("503 X", error), warm: 500, native: 503 },
  { name: "replaced by a page of its host, 502", fault: html("502 Bad Gateway"), warm: 500, native: 502 },
  { name: "replaced by a page of its host, 200", fault: html("200 OK"), warm: 500, native: 200 },
  { name: "answering truncated JSON", fault: json("200 OK", `{"docs":[{"${TEXT}`), warm: 500, native: 200 },
  { name: "answering with an empty body", fault: json("200 OK", ""), warm: 500, native: 200 },
  {
    name: "answering JSON of another shape",
    fault: json("200 OK", `[["${TEXT}"]]`),
    warm: 500,
    native: 200,
  },
  {
    name: "answering with something other than HTTP",
    fault: saysAndCloses(`${TEXT}\r\n\r\n`),
    warm: 502,
    native: 502,
  },
  {
    name: "sending less than its Content-Length",
    fault: saysAndCloses(`${OK}content-length: 90\r\n\r\n{"a":1}`),
    warm: 502,
    native: "cut",
  },
  {
    name: "sending more than its Content-Length",
    fault: says(`${OK}content-length: 2\r\n\r\n{}{"${TEXT}":1}`),
    warm: 500,
    native: "cut",
  },
  {
    name: "sending two Content-Lengths",
    fault: says(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`),
    warm: 502,
    native: 502,
  },
];

for (const [index, row] of ROWS.entries()) {
  t.test(`the CMS is ${row.name}: partner ${row.warm}, native ${row.native}`, async (t) => {
    const native = row.nativeLimit === undefined ? NATIVE : { ...NATIVE, [row.nativeLimit]: SHORT };
    const clock = handClock();
    const gateway = await startTestGateway(line.url, { ...SETTINGS, native }, { clock });
    t.teardown(() => gateway.stop());
    t.teardown(() => line.heal());
    t.equal((await readPosts(gateway, "partnerA")).status, 200, "the key is cached");
    const record = index + 1;

    await (row.fault === "refuse" ? line.refuse() : line.stage(row.fault));
    const [warm, unknown, unchecked] = await whileTimePasses({ line, gateway, clock, row }, PARTNERS, () =>
      Promise.all([
        readPosts(gateway, "partnerA"),
        readPosts(gateway, "partnerAC"),
        writePost(gateway, record, "unchecked"),
        nativeRead(t, { gateway, token, row }),
      ]),
    );
    await fails(t, { gateway, answer: warm, status: row.warm, what: "partner read with a cached key" });
    await fails(t, { gateway, answer: unknown, status: 503, what: "partner read with an uncached key" });
    await fails(t, { gateway, answer: unchecked, status: 503, what: "partner write that cannot be checked" });

    if (row.fault !== "refuse") {
      line.stage(row.fault, /^PATCH /);
      const before = line.asked.length;
      const lost = await whileTimePasses({ line, gateway, clock, row }, WRITE, () =>
        writePost(gateway, record, row.name),
      );
      await fails(t, { gateway, answer: lost, status: row.warm, what: "partner write whose answer is lost" });
      const sent = line.asked.slice(before).filter((asked) => asked.startsWith("PATCH "));
      t.equal(sent.length, 1, "the write was sent once");
    }

    await line.heal();
    const { text } = await cms.payload.findByID({ collection: "posts", id: record });
    t.equal(text === row.name, row.written === true, "the CMS's record shows whether the write happened");
    t.not(text, "unchecked", "an unchecked write did not happen");
    t.equal((await readPosts(gateway, "partnerA")).status, 200, "the gateway recovers");
    t.equal((await readPosts(gateway, "partnerAC")).status, 200, "the failed lookup was not cached");
    t.equal((await writePost(gateway, record, "after")).status, 200);
  });
}

t.test("the CMS is being deployed: requests after the close of its idle connections succeed", async (t) => {
  const gateway = await startTestGateway(line.url, SETTINGS, { clock: handClock() });
  t.teardown(() => gateway.stop());
  t.equal((await readPosts(gateway, "partnerA")).status, 200);
  await line.refuse();
  await line.heal();
  await roundTrip(gateway);
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

t.test("the CMS is down for long: 503 at once, /readyz is 200, and a probe finds it again", async (t) => {
  const clock = handClock();
  const upstream = { ...SETTINGS.upstream, breakerFailures: 2, breakerRetry: "300ms" };
  const gateway = await startTestGateway(line.url, { ...SETTINGS, upstream }, { clock });
  t.teardown(() => gateway.stop());
  t.equal((await readPosts(gateway, "partnerA")).status, 200);
  await line.refuse();
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await readPosts(gateway, "partnerA")).status);
  t.strictSame(statuses, [502, 502, 503, 503], "502 while the CMS is tried, then 503");
  const answer = await readPosts(gateway, "partnerA");
  t.equal(answer.headers.get("retry-after"), "1");
  const health = await fetch(`${gateway.adminUrl}/readyz`);
  t.equal(health.status, 200, "a gateway out of rotation could not send partners the envelope");
  t.match(await health.json(), { parts: { cms: "down" } });
  await line.heal();
  t.equal((await readPosts(gateway, "partnerA")).status, 503, "the breaker is open until a probe succeeds");
  clock.move(PROBE_INTERVAL_MS);
  const readyz = async (): Promise<string> => (await fetch(`${gateway.adminUrl}/readyz`)).text();
  await until("a probe that finds the CMS", async () => (await readyz()).includes('"cms":"ok"'));
  t.equal((await readPosts(gateway, "partnerA")).status, 200);
});
