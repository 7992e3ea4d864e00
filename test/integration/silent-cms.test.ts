import { createServer } from "node:http";
import t, { type Test } from "tap";
import { handClock } from "../support/clock.ts";
import { answerOf, says, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";

// What the log tells of a CMS that does not answer: why, once, and that it is over.

const SILENT = "CMS does not answer";
const BACK = "CMS answers again";
/** When an only target that is down is probed again. */
const PROBE_INTERVAL_MS = 1_000;
/** Nothing is given up while time is moved from probe to probe. */
const PATIENT = { connectTimeout: "1h", firstByteTimeout: "1h", idleTimeout: "1h", deadline: "1h" };

/** A CMS that knows no key, behind a wire that is cut, and a gateway before it. */
async function siteFor(t: Test, upstream: Record<string, unknown>) {
  const cms = createServer((_, response) => {
    response.setHeader("content-type", "application/json").end('{"user":null}');
  });
  await new Promise<void>((resolve) => cms.listen(0, "127.0.0.1", resolve));
  const address = cms.address();
  const line = await startFaultyLine(() => (typeof address === "object" && address ? address.port : 0));
  await line.refuse();
  const clock = handClock();
  const settings = { upstream: { ...PATIENT, ...upstream }, partners: { deadline: "1h" } };
  const gateway = await startTestGateway(line.url, settings, { clock });
  t.teardown(async () => {
    await gateway.stop();
    await line.close();
    cms.close();
  });
  const told = () => gateway.lines().filter(({ msg }) => msg === SILENT || msg === BACK);
  const probing = (what: string, isSeen: () => boolean): Promise<true> =>
    until(what, () => {
      clock.move(PROBE_INTERVAL_MS);
      return isSeen();
    });
  const untilTold = (n: number): Promise<true> => probing(`${n} lines`, () => told().length >= n);
  let keys = 0;
  const ask = async (): Promise<void> => {
    // A key that the CMS has denied is not looked up again.
    const headers = { authorization: `users API-Key nobody's-${(keys += 1)}` };
    await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts`, { headers });
  };
  return { line, told, probing, untilTold, ask };
}

await t.test("why the first probe failed, and the breaker opened; that both are over", async (t) => {
  const { line, told, untilTold, ask } = await siteFor(t, { breakerFailures: 3, breakerRetry: "50ms" });
  await untilTold(2);
  const of = { upstream: "default", target: line.url };
  const refused = { code: "ECONNREFUSED" };
  t.match(told(), [
    { ...of, level: 40, msg: SILENT, cause: { code: "key.unverifiable", cause: { cause: refused } } },
    { ...of, level: 40, msg: SILENT, cause: refused },
  ]);
  await line.heal();
  await untilTold(3);
  await ask();
  await line.refuse();
  for (let i = 0; i < 3; i += 1) await ask();
  t.equal(told().length, 4, "the third failure in a row opens the breaker");
  await line.heal();
  await untilTold(5);
  await ask();
  t.match(told().slice(2), [
    { ...of, level: 30, msg: BACK },
    { ...of, level: 40, msg: SILENT, cause: refused },
    { ...of, level: 30, msg: BACK },
  ]);
  t.equal(told().length, 5, "nothing is told twice");
});

await t.test("an answer that is none of a CMS's is not taken for its return", async (t) => {
  const { line, told, probing, untilTold, ask } = await siteFor(t, {
    breakerFailures: 1,
    breakerRetry: "50ms",
  });
  await untilTold(2);
  await line.heal();
  line.stage(says(answerOf("500 X", "{}")));
  const before = line.asked.length;
  await ask();
  await probing("three requests that are answered so", () => line.asked.length >= before + 3);
  t.strictSame(
    told().map(({ msg }) => msg),
    [SILENT, SILENT],
  );
  await line.heal();
  await untilTold(3);
  t.equal(told()[2]?.["msg"], BACK);
});
