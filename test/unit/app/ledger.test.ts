import t from "tap";
import { Ledger } from "../../../src/app/workers/ledger.ts";
import { createMetrics, type Samples } from "../../../src/observe/metrics.ts";
import { pageOf } from "../../../src/observe/samples.ts";
import { STANDING } from "../../support/standing.ts";

/** What a worker tells that has seen so many native requests. */
function samplesOf(requests: number): Promise<Samples> {
  const metrics = createMetrics({ version: "1.2.3", node: "v24.0.0" });
  for (let i = 0; i < requests; i += 1) metrics.native(200);
  return metrics.samples(STANDING);
}

/** What a page says that is made of these. */
async function countOf(entries: Promise<Samples[]>): Promise<number> {
  const { body } = await pageOf(await entries);
  return Number(/^gateway_native_requests_total\{status="2xx"\} (\d+)$/m.exec(body)?.[1] ?? 0);
}

const [one, two] = [{}, {}];

t.test("what one has told counts when it is silent, and when it has ended", async (t) => {
  const ledger = new Ledger<object>();
  const [five, seven] = [await samplesOf(5), await samplesOf(7)];
  const page = (told: readonly (readonly [object, Samples | undefined])[]) =>
    countOf(ledger.entries(new Map(told)));
  t.equal(
    await page([
      [one, five],
      [two, seven],
    ]),
    12,
  );
  t.equal(
    await page([
      [one, undefined],
      [two, seven],
    ]),
    12,
  );
  ledger.close(one);
  t.equal(await page([[two, seven]]), 12);
});

t.test("one that ends while the page waits for another is counted once", async (t) => {
  const ledger = new Ledger<object>();
  const [five, six, seven] = [await samplesOf(5), await samplesOf(6), await samplesOf(7)];
  await ledger.entries(
    new Map([
      [one, five],
      [two, seven],
    ]),
  );
  ledger.close(one);
  t.equal(
    await countOf(
      ledger.entries(
        new Map([
          [one, six],
          [two, seven],
        ]),
      ),
    ),
    12,
    "by what it had told by the last page",
  );
  t.equal(await countOf(ledger.entries(new Map([[two, seven]]))), 12, "and no counter falls");
});

t.test("so is one that ends while the page is made", async (t) => {
  const ledger = new Ledger<object>();
  const five = await samplesOf(5);
  const page = countOf(ledger.entries(new Map([[one, five]])));
  ledger.close(one);
  t.equal(await page, 5);
  t.equal(await countOf(ledger.entries(new Map())), 5);
});
