/**
 * Breaches of isolation, and separately values that are not provably the tenant's.
 *
 * @import { BreachEntry, Snapshot, WithheldEntry } from "../../core/status.ts"
 */
import { el, redraw } from "./dom.js";
import { th } from "./tables.js";
import { clockTime, short } from "./words.js";

/** @param {Snapshot} snapshot */
export function showIsolation({ breaches, withheld }) {
  redraw("breaches", breaches, () => [breachTable(breaches)]);
  redraw("withheld", withheld, () => [withheldTable(withheld)]);
}

/** The most rows of a table. */
const ROWS = 15;

const BREACHED = {
  refused: "answered 500",
  replaced: "left out",
  observed: "sent to the partner",
};

/** @param {readonly BreachEntry[]} breaches */
function breachTable(breaches) {
  if (breaches.length === 0) return el("p", { class: "empty" }, "No breach since the start.");
  const head = el(
    "tr",
    {},
    ...["Latest", "Where", "Collection", "What was done"].map((title) => th(title)),
    th("Records", "number"),
    th("Request id"),
  );
  const body = breaches
    .slice(0, ROWS)
    .map(({ seen, place, collection, action, count, requestId }) =>
      el(
        "tr",
        {},
        timeCell(seen),
        el("td", {}, el("span", { class: "tag bad" }, place)),
        el("td", { "data-name": "Collection" }, collection),
        el("td", { "data-name": "What was done" }, BREACHED[action]),
        el("td", { "data-name": "Records", class: "number" }, short(count)),
        el("td", { class: "id" }, requestId),
      ),
    );
  return el("table", { class: "cards" }, el("thead", {}, head), el("tbody", {}, ...body));
}

/** @param {readonly WithheldEntry[]} withheld */
function withheldTable(withheld) {
  if (withheld.length === 0) return el("p", { class: "empty" }, "No value withheld since the start.");
  const head = el(
    "tr",
    {},
    ...["Latest", "Collection", "Field", "What was done"].map((title) => th(title)),
    th("Values", "number"),
  );
  const body = withheld
    .slice(0, ROWS)
    .map(({ seen, collection, path, kind, action, count }) =>
      el(
        "tr",
        {},
        timeCell(seen),
        el("td", { "data-name": "Collection" }, collection),
        el("td", { "data-name": "Field" }, el("code", {}, path), " ", el("span", { class: "quiet" }, kind)),
        el("td", { "data-name": "What was done" }, action === "observed" ? "sent" : action),
        el("td", { "data-name": "Values", class: "number" }, short(count)),
      ),
    );
  return el("table", { class: "cards" }, el("thead", {}, head), el("tbody", {}, ...body));
}

/** @param {number} at */
function timeCell(at) {
  return el("td", {}, el("time", { datetime: new Date(at).toISOString() }, clockTime(at)));
}
