import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { parse } from "yaml";
import { PLACES } from "../../src/core/foreign.ts";
import { COUNTERS, GAUGES, HISTOGRAMS } from "../../src/observe/instruments.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { STANDING } from "../support/standing.ts";

const read = (path: string): string => readFileSync(join(import.meta.dirname, "../..", path), "utf8");

/** The labels that Prometheus itself adds to every metric. */
const SCRAPED = ["instance", "job"];
const known = new Map<string, readonly string[]>();
for (const [name, { labels }] of Object.entries({ ...COUNTERS, ...GAUGES })) known.set(name, labels);
for (const [name, { labels }] of Object.entries(HISTOGRAMS)) {
  known.set(`${name}_bucket`, [...labels, "le"]);
  for (const part of ["sum", "count"]) known.set(`${name}_${part}`, labels);
}
const { body } = await createMetrics({ version: "1", node: "v24" }).page(STANDING);
for (const [, name = ""] of body.matchAll(/^# TYPE (gateway_(?:nodejs|process)_\w+)/gm)) known.set(name, []);

/** The problems of a query: metrics and labels that do not exist. */
function problemsOf(expr: string): string[] {
  const used = [...expr.matchAll(/\b(gateway_\w+)(?:\{([^}]*)\})?/g)];
  const labelsOf = (name: string): readonly string[] => [...(known.get(name) ?? []), ...SCRAPED];
  const unknown = used.filter(([, name = ""]) => !known.has(name)).map(([, name]) => `no metric ${name}`);
  const matched = used.flatMap(([, name = "", matchers = ""]) =>
    [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)]
      .filter(([, label = ""]) => !labelsOf(name).includes(label))
      .map(([, label]) => `${name} has no label ${label}`),
  );
  const all = new Set(used.flatMap(([, name = ""]) => labelsOf(name)));
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)]
    .flatMap(([, list = ""]) => list.split(",").map((label) => label.trim()))
    .filter((label) => !all.has(label))
    .map((label) => `nothing is labelled ${label}`);
  return [...(used.length === 0 ? ["names no metric"] : []), ...unknown, ...matched, ...grouped];
}

/**
 * Increases of a labelled metric that miss the first event: its series does not exist before, so `increase`
 * returns nothing.
 */
function blindIncreasesOf(expr: string): string[] {
  const flat = expr.replaceAll(/\s+/g, " ");
  return [...flat.matchAll(/\bincrease\(((\w+)(?:\{[^}]*\})?)\[(\w+)\]\)/g)]
    .filter(([whole, of = "", name = "", time = ""]) => {
      const isThereFromTheStart = known.get(name)?.every((label) => label === "le");
      return (
        isThereFromTheStart !== true && !flat.includes(`(${of} unless ${of} offset ${time}) or ${whole}`)
      );
    })
    .map(([, of = ""]) => of);
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

const { groups }: { groups: { rules: Rule[] }[] } = parse(read("config/prometheus/alerts.yaml"));
const rules = groups.flatMap((group) => group.rules);

t.test("finds unknown metrics and labels in a query", async (t) => {
  t.strictSame(problemsOf('sum by (tennant) (rate(gateway_partner_requests_total{status="1"}[5m]))'), [
    "nothing is labelled tennant",
  ]);
  t.strictSame(problemsOf('gateway_load{off="x"} / gateway_limit'), [
    "no metric gateway_limit",
    "gateway_load has no label off",
  ]);
  t.strictSame(problemsOf("up"), ["names no metric"]);
});

t.test("every alert uses metrics and labels that exist", async (t) => {
  t.ok(rules.length >= 10);
  for (const { alert, expr } of rules) t.strictSame(problemsOf(expr), [], alert);
});

t.test("finds an increase that misses the first event", async (t) => {
  const fault = 'gateway_errors_total{code="gateway.fault"}';
  t.strictSame(blindIncreasesOf(`sum(increase(${fault}[15m])) > 0`), [fault]);
  t.strictSame(blindIncreasesOf(`(${fault} unless ${fault} offset 5m) or increase(${fault}[15m])`), [fault]);
  t.strictSame(
    blindIncreasesOf(`sum(\n(${fault} unless ${fault} offset 5m)\n  or increase(${fault}[5m]))`),
    [],
  );
  t.strictSame(blindIncreasesOf("increase(gateway_process_cpu_seconds_total[15m])"), [], "it has no labels");
});

t.test("every alert sees the first event of a counter whose series begins with it", async (t) => {
  for (const { alert, expr } of rules) t.strictSame(blindIncreasesOf(expr), [], alert);
});

t.test("every alert has a section in the runbook, and every section has an alert", async (t) => {
  const runbook = read("docs/operating.md").split("## Runbook")[1] ?? "";
  const sections = [...runbook.matchAll(/^### (\w+)$/gm)].map(([, name = ""]) => name);
  t.strictSame(sections.toSorted(), rules.map(({ alert }) => alert).toSorted());
  for (const { alert, annotations } of rules) {
    t.equal(annotations.runbook, `docs/operating.md#${alert.toLowerCase()}`);
    t.ok(annotations.summary.length > 10, alert);
  }
});

interface Panel {
  readonly title: string;
  readonly targets: { readonly expr: string }[];
}
const { panels }: { panels: Panel[] } = JSON.parse(read("config/grafana/partners-gateway.json"));

t.test("the metric of breaches is in a rule, the dashboard and the docs, with all its labels", async (t) => {
  const asking = (name: string, exprs: readonly string[]) => exprs.filter((expr) => expr.includes(name));
  const ofRules = rules.map(({ expr }) => expr);
  const ofPanels = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  t.equal(asking("gateway_isolation_total", ofRules).length, 1);
  t.ok(asking("gateway_isolation_total", ofPanels).length > 0);
  for (const expr of asking("gateway_isolation_total", [...ofRules, ...ofPanels])) {
    const matchers = [...expr.matchAll(/gateway_isolation_total\{([^}]*)\}/g)].map(([, inner]) => inner);
    t.strictSame(
      matchers.filter((inner) => inner !== 'instance=~"$instance"'),
      [],
      expr,
    );
  }
  t.strictSame(asking("gateway_withheld_values_total", ofRules), [], "withheld values alert no one");
  t.ok(asking("gateway_withheld_values_total", ofPanels).length > 0);
  const [, metrics = ""] = read("docs/operating.md").split("## Metrics");
  const [, table = ""] = metrics.split("| place | where |");
  const [places = ""] = table.split("\n\n");
  t.strictSame(
    [...places.matchAll(/^\| `(\w+)` \|/gm)].map(([, place]) => place),
    PLACES,
  );
  t.notMatch(read("docs/operating.md"), /gateway_isolation_total\{|place=~/);
});

t.test("every panel of the dashboard uses existing metrics, and sees the first event", async (t) => {
  t.ok(panels.length >= 15);
  for (const { title, targets } of panels)
    for (const { expr } of targets) t.strictSame([...problemsOf(expr), ...blindIncreasesOf(expr)], [], title);
});
