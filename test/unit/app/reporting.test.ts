import t from "tap";
import { reportAtEndOfTick } from "../../../src/app/config-snapshot.ts";
import { scheduleEndOfTick } from "../../../src/core/async/end-of-tick.ts";
import type { RequestReport } from "../../../src/partners/layers.ts";
import { combineEvents } from "../../../src/observe/events.ts";
import { createLog } from "../../../src/observe/log.ts";
import { until } from "../../support/until.ts";

const NOTE = { stage: "answer", upstreamRequests: 0, upstreamMs: 0 };
const FINISHED: RequestReport = { requestId: "a", method: "GET", status: 200, ms: 1, note: NOTE };

/** What reports go to, the text that was logged, and what was done in which order. */
function prepare(listen: (sample: RequestReport) => void) {
  const lines: string[] = [];
  const log = createLog("info", { write: (line) => lines.push(line) });
  return { lines, report: reportAtEndOfTick({ events: combineEvents([{ request: listen }]), log }) };
}

t.test("a request is reported when its answer is out, though its report came first", async (t) => {
  const done: string[] = [];
  const { report } = prepare(({ requestId }) => done.push(`report of ${requestId}`));
  report(FINISHED);
  scheduleEndOfTick("write", () => done.push("answer"));
  t.strictSame(done, []);
  await until("the report", () => done.length > 1);
  t.strictSame(done, ["answer", "report of a"]);
});

t.test("a report that fails is logged, is no fault, and keeps no other from being made", async (t) => {
  const reported: string[] = [];
  const { report, lines } = prepare(({ requestId }) => {
    if (requestId === "bad") throw new Error("no such label");
    reported.push(requestId);
  });
  report({ ...FINISHED, requestId: "bad" });
  report(FINISHED);
  await until("the report after it", () => reported.length > 0);
  t.strictSame(reported, ["a"]);
  t.equal(lines.length, 1);
  t.match(lines[0], /"level":50.*no such label.*a request could not be reported/);
});
