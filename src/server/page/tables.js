/**
 * The lower half of the page: tenants and users, sources of lookups, refusals.
 *
 * @import { RefusalEntry, Row, Snapshot, CacheTierRow, Use } from "../../core/status.ts"
 * @import { Child } from "./dom.js"
 */
import { el, redraw } from "./dom.js";
import { clockTime, lasted, percent, short } from "./words.js";

/** @param {Snapshot} snapshot */
export function showTables({ at, tenants, versions, tiers, uses }) {
  redraw("tenants", tenants, () => [rowsTable("Tenant", tenants, "No partner request in this time.")]);
  redraw("versions", versions, () => [rowsTable("Version", versions, "No partner request in this time.")]);
  redraw("tiers", tiers, () => [tierOf("Keys", "keys", tiers), tierOf("Tenants", "tenants", tiers)]);
  redraw("uses", [uses, Math.floor(at / 10_000)], () => [usesTable(uses, at)]);
}

const WHAT = { other: "all others", none: "none yet" };

/**
 * @param {string} title
 * @param {readonly Row[]} rows
 * @param {string} nothing
 */
function rowsTable(title, rows, nothing) {
  if (rows.length === 0) return el("p", { class: "empty" }, nothing);
  const head = el(
    "tr",
    {},
    th(title),
    th("Requests", "number"),
    th("4xx", "number"),
    th("5xx", "number"),
    th("Outcomes", "wide"),
  );
  const body = rows.slice(0, 12).map((row) => {
    const { name, answered, refused, failed } = row;
    const total = answered + refused + failed;
    return el(
      "tr",
      {},
      el("td", {}, name === "other" || name === "none" ? el("span", { class: "quiet" }, WHAT[name]) : name),
      el("td", { class: "number" }, short(total)),
      el("td", { class: "number" }, short(refused)),
      el("td", { class: failed > 0 ? "number bad-text" : "number" }, short(failed)),
      el(
        "td",
        { class: "wide" },
        split(
          [
            ["answered", answered],
            ["refused", refused],
            ["failed", failed],
          ],
          `${percent(answered / total)} answered`,
        ),
      ),
    );
  });
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
}

/** @param {string} text @param {string} [kind] */
export function th(text, kind) {
  return el("th", { scope: "col", class: kind }, text);
}

/** @param {readonly (readonly [string, number])[]} parts @param {string} label */
function split(parts, label) {
  const pieces = parts
    .filter(([, count]) => count > 0)
    .map(([name, count]) => el("i", { class: name, "--part": count }));
  return el("div", { class: "split", role: "img", "aria-label": label }, ...pieces);
}

const TIERS = {
  memory: "memory",
  joined: "joined a lookup in flight",
  redis: "Redis",
  cms: "CMS",
  stale: "stale, CMS down",
};

/**
 * @param {string} title
 * @param {string} fact
 * @param {readonly CacheTierRow[]} tiers
 */
function tierOf(title, fact, tiers) {
  const own = tiers.filter((tier) => tier.fact === fact);
  const total = own.reduce((sum, { count }) => sum + count, 0);
  const asked = own.find(({ via }) => via === "cms")?.count ?? 0;
  const summary =
    total === 0 ? "no lookups" : `${short(total)} lookups, ${percent(1 - asked / total)} without the CMS`;
  const known = own.filter(({ count }) => count > 0);
  return el(
    "div",
    { class: "tier" },
    el("strong", {}, title),
    " ",
    el("span", { class: "quiet" }, summary),
    split(
      known.map(({ via, count }) => [via, count]),
      `${title}: ${summary}`,
    ),
    el(
      "div",
      { class: "legend" },
      ...known.map(({ via, count }) =>
        el("span", { class: `key ${via}` }, `${TIERS[via]} `, el("b", {}, short(count))),
      ),
    ),
  );
}

/** @param {readonly Use[]} uses @param {number} at */
function usesTable(uses, at) {
  if (uses.length === 0) return el("p", { class: "empty" }, "No key has been used since the start.");
  const head = el(
    "tr",
    {},
    th("User"),
    th("Version"),
    th("Ends"),
    th("Last tenant"),
    th("Requests", "number"),
    th("Last seen", "number"),
  );
  const body = uses.map((use) =>
    el(
      "tr",
      {},
      el("td", { "data-name": "User" }, use.userId),
      el("td", { "data-name": "Version" }, use.version),
      el("td", {}, ...endings(use, at)),
      el("td", { "data-name": "Last tenant" }, use.tenant),
      el("td", { "data-name": "Requests", class: "number" }, short(use.requests)),
      el("td", { "data-name": "Last seen", class: "number" }, `${lasted(at - use.seen)} ago`),
    ),
  );
  return el("table", { class: "cards" }, el("thead", {}, head), el("tbody", {}, ...body));
}

/** @param {Use} use @param {number} at @returns {Child[]} */
function endings({ deprecation, sunset }, at) {
  const dated = (
    /** @type {string} */ word,
    /** @type {string | undefined} */ date,
    /** @type {string} */ kind,
  ) => {
    if (date === undefined) return [];
    const isPast = Date.parse(date) <= at;
    return [el("span", { class: `tag ${isPast ? kind : "plain"}` }, `${word} ${date.slice(0, 10)}`), " "];
  };
  return [...dated("Deprecation", deprecation, "warn"), ...dated("Sunset", sunset, "bad")];
}

const ROWS = 15;

/**
 * Shows the latest refusals. Equal ones are one row with their number, since an outage fills the list with the same line.
 *
 * @param {readonly RefusalEntry[]} refusals the latest first
 * @param {{ readonly whose: string, readonly text: string }} filter
 */
export function showRefusals(refusals, filter) {
  const wanted = refusals.filter((entry) => {
    if (filter.whose !== "all" && (entry.status >= 500 ? "failed" : "refused") !== filter.whose) return false;
    return JSON.stringify(Object.values(entry)).toLowerCase().includes(filter.text.toLowerCase());
  });
  const kinds = kindsOf(wanted);
  redraw("refusals", kinds, () => {
    if (refusals.length === 0) return [el("p", { class: "empty" }, "No refusals since the start.")];
    if (kinds.length === 0) return [el("p", { class: "empty" }, "No refusal matches the filter.")];
    const head = el("tr", {}, th("Latest"), th("Status"), th("Why"), th("Who"), th("What"), th("Request id"));
    const body = kinds.slice(0, ROWS).map((kind) => refusalRow(kind));
    const more =
      kinds.length > ROWS
        ? el("p", { class: "empty" }, `${kinds.length - ROWS} more kinds are not shown.`)
        : undefined;
    return [el("table", { class: "cards" }, el("thead", {}, head), el("tbody", {}, ...body)), more];
  });
}

/** @typedef {{ readonly entry: RefusalEntry, readonly times: number }} Kind */

/**
 * @param {readonly RefusalEntry[]} refusals
 * @returns {Kind[]}
 */
function kindsOf(refusals) {
  const kinds = new Map();
  for (const entry of refusals) {
    const { code, stage, reason, userId, tenant, version, what, method } = entry;
    const name = JSON.stringify([code, stage, reason, userId, tenant, version, what, method]);
    const known = kinds.get(name);
    kinds.set(name, { entry: known?.entry ?? entry, times: (known?.times ?? 0) + 1 });
  }
  return [...kinds.values()];
}

/** @param {Kind} kind */
function refusalRow({ entry, times }) {
  const { at, status, code, stage, reason, requestId, clientRequestId } = entry;
  const { userId, tenant, version, what, method } = entry;
  const who = [userId === undefined ? "" : `user ${userId}`, tenant ?? ""]
    .filter((word) => word !== "")
    .join(" · ");
  const asked = [version ?? "", what ?? method].filter((word) => word !== "").join(" · ");
  const because = reason === "" ? undefined : el("div", { class: "reason" }, reason);
  const theirs =
    clientRequestId === undefined
      ? undefined
      : el("div", { class: "reason" }, `client's id: ${clientRequestId}`);
  const count = times === 1 ? undefined : el("span", { class: "times" }, ` ×${times}`);
  return el(
    "tr",
    {},
    el("td", {}, el("time", { datetime: new Date(at).toISOString() }, clockTime(at)), count),
    el("td", {}, el("span", { class: `tag ${status >= 500 ? "bad" : "warn"}` }, String(status))),
    el("td", {}, el("code", {}, code), " ", el("span", { class: "quiet" }, `at ${stage}`), because),
    el("td", { "data-name": "Who" }, who === "" ? el("span", { class: "quiet" }, "unknown") : who),
    el("td", { "data-name": "What" }, asked),
    el("td", { class: "id" }, requestId, theirs),
  );
}
