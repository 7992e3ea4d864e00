import t from "tap";
import { sumOf } from "../../bench/metrics.ts";
import { printed } from "../../bench/report.ts";
import { figure, percentile, spreadOf, written } from "../../bench/statistics.ts";
import { asking, parseWrk } from "../../bench/wrk.ts";

t.test("a spread has the middle of its figures, in whatever order they came", async (t) => {
  t.strictSame(spreadOf([9, 1, 10]), { median: 9, min: 1, max: 10 });
  t.strictSame(spreadOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
  t.equal(written({ median: 1.834, min: 0.5, max: 123.4 }), "1.83 [0.50-123]");
});

t.test("a figure has three digits that matter, whichever sign", async (t) => {
  t.strictSame([0.0312, 12.34, 1_234.5, -12.34].map(figure), ["0.03", "12.3", "1235", "-12.3"]);
});

t.test("a percentile is the least figure that enough do not exceed", async (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
  t.strictSame(
    [0.5, 0.99, 0.999, 1].map((part) => percentile(hundred, part)),
    [50, 99, 100, 100],
  );
  t.equal(percentile([7], 0.01), 7);
});

// What wrk 4.1.0 printed, with a share that ends in the very text that begins a percentile.
const OUTPUT = `Running 2s test @ http://127.0.0.1:8080
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     4.11ms    2.03ms  41.17ms   97.50%
    Req/Sec    15.83k     1.20k   17.31k    84.99%
  Latency Distribution
     50%  500.00us
     75%    4.40ms
     90%    5.58ms
     99%    1.02s 
  31514 requests in 2.00s, 80.11MB read
Requests/sec:  15735.90
Transfer/sec:     40.00MB
`;

t.test("wrk's times and counts are read, not the shares that look like them", async (t) => {
  t.strictSame(parseWrk(OUTPUT), { requests: 31_514, perSecond: 15_735.9, p50: 0.5, p99: 1_020 });
});

t.test("an answer that was an error, or a figure that is missing, is no measurement", async (t) => {
  t.throws(() => parseWrk(`${OUTPUT}  Non-2xx or 3xx responses: 12\n`), /12 answers were errors/);
  t.throws(() => parseWrk(OUTPUT.replace(/^ +99%.*\n/m, "")), /wrk did not say/);
  t.throws(() => parseWrk(OUTPUT.replace("500.00us", "500.00")), /cannot be read: 500.00/);
});

t.test("wrk is given every path and header", async (t) => {
  const script = asking(["/a?b=%22c%22", "/d"], { authorization: "users API-Key k" });
  t.match(script, 'paths = { "/a?b=%22c%22", "/d" }');
  t.match(script, 'wrk.headers["authorization"] = "users API-Key k"');
});

t.test("a metric is summed over the samples that have the labels", async (t) => {
  const page = `# HELP asked_total How often.
asked_total{fact="key",via="cms"} 3
asked_total{fact="tenant",via="cms"} 4
asked_total{fact="key",via="memory"} 50
asked_total_created 9
plain 2.5
`;
  t.equal(sumOf(page, "asked_total", { via: "cms" }), 7);
  t.equal(sumOf(page, "asked_total", { fact: "key", via: "cms" }), 3);
  t.equal(sumOf(page, "asked_total"), 57);
  t.equal(sumOf(page, "plain"), 2.5);
});

t.test("a table is printed with its columns, figures with their spread", async (t) => {
  const row = { subject: "gateway", rate: { median: 2, min: 1, max: 3 }, "RSS MB": 140.2 };
  t.equal(
    printed({ title: "A table", notes: ["What it is."], rows: [row] }),
    `## A table

What it is.

| subject | rate | RSS MB |
| --- | --- | --- |
| gateway | 2.00 [1.00-3.00] | 140 |`,
  );
});
