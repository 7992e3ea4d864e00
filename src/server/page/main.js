/**
 * Receives the stream of snapshots, draws them, and reconnects when the stream breaks off.
 *
 * @import { Snapshot } from "../../core/status.ts"
 */
import { Chart } from "./charts.js";
import { byId } from "./dom.js";
import { showIsolation } from "./isolation.js";
import { showTiles, showVerdict } from "./sections.js";
import { showRefusals, showTables } from "./tables.js";
import { clockTime } from "./words.js";

/** The time without an event after which the connection counts as lost: a network that drops packets reports no error. */
const SILENCE_MS = 8_000;
const RETRY_MS = 3_000;

const requests = new Chart("requests-chart");
const latency = new Chart("latency-chart");
/** @type {Snapshot | undefined} */
let last;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let silence;

connect();
byId("filter").addEventListener("input", () => last !== undefined && showRefusals(last.refusals, filter()));
for (const radio of document.querySelectorAll("input[name=whose]"))
  radio.addEventListener("change", () => last !== undefined && showRefusals(last.refusals, filter()));

function connect() {
  const stream = new EventSource("events");
  const again = () => {
    stream.close();
    clearTimeout(silence);
    lost();
    setTimeout(connect, RETRY_MS);
  };
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE_MS);
  };
  stream.addEventListener("message", ({ data }) => {
    listen();
    show(JSON.parse(data));
  });
  stream.addEventListener("error", again);
  listen();
}

/** @param {Snapshot} snapshot */
function show(snapshot) {
  last = snapshot;
  const { at, series } = snapshot;
  document.body.dataset["link"] = "live";
  byId("link").textContent = `Live, ${clockTime(at)}`;
  showVerdict(snapshot);
  showTiles(snapshot);
  showTables(snapshot);
  showIsolation(snapshot);
  showRefusals(snapshot.refusals, filter());
  const perSecond = (/** @type {readonly number[]} */ counts) =>
    counts.map((count) => (count * 1_000) / series.slot);
  requests.show({
    kind: "bars",
    unit: "/s",
    slot: series.slot,
    at,
    label:
      "Partner requests per second over the last quarter of an hour, by outcome. The left and right keys show single values.",
    curves: [
      { name: "answered", title: "answered", values: perSecond(series.answered) },
      { name: "refused", title: "refused, 4xx", values: perSecond(series.refused) },
      { name: "failed", title: "failed, 5xx", values: perSecond(series.failed) },
    ],
  });
  latency.show({
    kind: "lines",
    unit: " ms",
    slot: series.slot,
    at,
    label:
      "Milliseconds to the answer over the last quarter of an hour: median, 95th and 99th percentile. The left and right keys show single values.",
    curves: [
      { name: "p50", title: "p50", values: series.p50 },
      { name: "p95", title: "p95", values: series.p95 },
      { name: "p99", title: "p99", values: series.p99 },
    ],
  });
}

function lost() {
  document.body.dataset["link"] = "lost";
  if (last === undefined) {
    byId("link").textContent = "No connection, retrying";
    return;
  }
  const since = clockTime(last.at);
  byId("link").textContent = `Connection lost, retrying. Data of ${since}`;
  document.body.dataset["tone"] = "bad";
  byId("verdict-title").textContent = `No data from the gateway since ${since}.`;
  byId("findings").replaceChildren();
  document.title = "No data from partners-gateway";
}

function filter() {
  const whose = document.querySelector("input[name=whose]:checked");
  const text = byId("filter");
  return {
    whose: whose instanceof HTMLInputElement ? whose.value : "all",
    text: text instanceof HTMLInputElement ? text.value.trim() : "",
  };
}
