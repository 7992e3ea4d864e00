import { createServer } from "node:http";
import t, { type Test } from "tap";
import { handClock } from "../support/clock.ts";
import { answerOf, says, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";
import { until } from "../support/until.ts";

// The log about a CMS that does not answer: the reason, once, and the recovery.

const SILENT = "CMS does not answer";
const BACK = "CMS answers again";
/** The interval at which the gateway probes a single target that is down. */
const PROBE_INTERVAL_MS = 1_000;
/** No request times out while the clock moves from probe to probe. */
const PATIENT = { connectTimeout: "1h", firstByteTimeout: "1h", idleTimeout: "1h", deadline: "1h" };

/** Starts a CMS without keys behind a line that is cut, and a gateway in front of it. */
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
  const logged = () => gateway.lines().filter(({ msg }) => msg === SILENT || msg === BACK);
  const probing = (what: string, isSeen: () => boolean): Promise<true> =>
    until(what, () => {
      clock.move(PROBE_INTERVAL_MS);
      return isSeen();
    });
  const untilLogged = (n: number): Promise<true> => probing(`${n} lines`, () => logged().length >= n);
  let keys = 0;
  const ask = async (): Promise<void> => {
    // A key that the CMS has rejected is not looked up again.
    const headers = { authorization: `users API-Key unknown-${(keys += 1)}` };
    await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts`, { headers });
  };
  return { line, logged, probing, untilLogged, ask };
}

await t.test("the log says why a probe failed and the breaker opened, and when both recover", async (t) => {
  const { line, logged, untilLogged, ask } = await siteFor(t, { breakerFailures: 3, breakerRetry: "50ms" });
  await untilLogged(2);
  const of = { upstream: "default", target: line.url };
  const refused = { code: "ECONNREFUSED" };
  t.match(logged(), [
    { ...of, level: 40, msg: SILENT, cause: { code: "key.unverifiable", cause: { cause: refused } } },
    { ...of, level: 40, msg: SILENT, cause: refused },
  ]);
  await line.heal();
  await untilLogged(3);
  await ask();
  await line.refuse();
  for (let i = 0; i < 3; i += 1) await ask();
  t.equal(logged().length, 4, "the third failure in a row opens the breaker");
  await line.heal();
  await untilLogged(5);
  await ask();
  t.match(logged().slice(2), [
    { ...of, level: 30, msg: BACK },
    { ...of, level: 40, msg: SILENT, cause: refused },
    { ...of, level: 30, msg: BACK },
  ]);
  t.equal(logged().length, 5, "nothing is logged twice");
});

await t.test("an invalid answer of the CMS does not count as its recovery", async (t) => {
  const { line, logged, probing, untilLogged, ask } = await siteFor(t, {
    breakerFailures: 1,
    breakerRetry: "50ms",
  });
  await untilLogged(2);
  await line.heal();
  line.stage(says(answerOf("500 X", "{}")));
  const before = line.asked.length;
  await ask();
  await probing("three requests that are answered so", () => line.asked.length >= before + 3);
  t.strictSame(
    logged().map(({ msg }) => msg),
    [SILENT, SILENT],
  );
  await line.heal();
  await untilLogged(3);
  t.equal(logged()[2]?.["msg"], BACK);
});
