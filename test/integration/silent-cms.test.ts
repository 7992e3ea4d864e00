import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import t, { type Test } from "tap";
import { answerOf, says, startFaultyLine } from "../support/faults.ts";
import { startTestGateway } from "../support/gateway.ts";

// What the log tells of a CMS that does not answer: why, once, and that it is over.

const SILENT = "CMS does not answer";
const BACK = "CMS answers again";

/** A CMS that knows no key, behind a wire that is cut, and a gateway before it. */
async function siteFor(t: Test, upstream: Record<string, unknown>) {
  const cms = createServer((_, response) => {
    response.setHeader("content-type", "application/json").end('{"user":null}');
  });
  await new Promise<void>((resolve) => cms.listen(0, "127.0.0.1", resolve));
  const address = cms.address();
  const line = await startFaultyLine(() => (typeof address === "object" && address ? address.port : 0));
  await line.refuse();
  const gateway = await startTestGateway(line.url, { upstream });
  t.teardown(async () => {
    await gateway.stop();
    await line.close();
    cms.close();
  });
  const told = () => gateway.lines().filter(({ msg }) => msg === SILENT || msg === BACK);
  const until = async (n: number): Promise<void> => {
    while (told().length < n) await pause(20);
  };
  const ask = async (): Promise<void> => {
    const headers = { authorization: "users API-Key nobody's" };
    await fetch(`${gateway.url}/partners/2026-02/tenant-a/posts`, { headers });
  };
  return { line, told, until, ask, gateway };
}

await t.test("why the first probe failed, and the breaker opened; that both are over", async (t) => {
  const { line, told, until, ask } = await siteFor(t, { breakerFailures: 3, breakerRetry: "50ms" });
  await until(1);
  await until(2);
  const of = { upstream: "default", target: line.url };
  const refused = { code: "ECONNREFUSED" };
  t.match(told(), [
    { ...of, level: 40, msg: SILENT, cause: { code: "key.unverifiable", cause: { cause: refused } } },
    { ...of, level: 40, msg: SILENT, cause: refused },
  ]);
  await line.heal();
  await until(3);
  await ask();
  await line.refuse();
  while (told().length < 4) await ask();
  await line.heal();
  await until(5);
  await ask();
  t.match(told().slice(2), [
    { ...of, level: 30, msg: BACK },
    { ...of, level: 40, msg: SILENT, cause: refused },
    { ...of, level: 30, msg: BACK },
  ]);
  t.equal(told().length, 5, "nothing is told twice");
});

await t.test("an answer that is none of a CMS's is not taken for its return", async (t) => {
  const { line, told, until, ask } = await siteFor(t, { breakerFailures: 1, breakerRetry: "50ms" });
  await until(2);
  await line.heal();
  line.stage(says(answerOf("500 X", "{}")));
  const before = line.asked.length;
  await ask();
  await line.carried(before + 3);
  t.strictSame(
    told().map(({ msg }) => msg),
    [SILENT, SILENT],
  );
  await line.heal();
  await until(3);
  t.equal(told()[2]?.["msg"], BACK);
});
