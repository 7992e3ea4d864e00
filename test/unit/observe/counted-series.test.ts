import t from "tap";
import { CountedSeries } from "../../../src/observe/counted-series.ts";

t.test("drains each count once, with its labels", async (t) => {
  const counts = new CountedSeries(["operation", "status"]);
  const told = (): [string, number][] => {
    const rows: [string, number][] = [];
    counts.drain((labels, by) => rows.push([`${labels["operation"]} ${labels["status"]}`, by]));
    return rows.toSorted(([a], [b]) => a.localeCompare(b));
  };
  counts.add({ operation: "list", status: "200" }, 1);
  counts.add({ status: "200", operation: "list" }, 2);
  counts.add({ operation: "list", status: "404" }, 1);
  counts.add({ operation: "read", status: "200" }, 1);
  t.strictSame(told(), [
    ["list 200", 3],
    ["list 404", 1],
    ["read 200", 1],
  ]);
  t.strictSame(told(), []);
  counts.add({ operation: "list", status: "404" }, 1);
  t.strictSame(told(), [["list 404", 1]]);
});
