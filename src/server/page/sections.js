/**
 * The upper half of the page: the verdict and the current numbers.
 *
 * @import { Level, Snapshot } from "../../core/status.ts"
 * @import { Tone } from "./words.js"
 * @typedef {{ readonly name: string, readonly value: string, readonly unit?: string, readonly more?: string,
 *   readonly tone?: Tone | undefined, readonly level?: Level }} Tile
 */
import { byId, el, redraw } from "./dom.js";
import { findings, lasted, lastMinute, latest, percent, short, titled, toneOf } from "./words.js";

const COLOURS = { good: "#2f9e63", warn: "#d9a441", bad: "#d9453f" };

/** @param {Snapshot} snapshot */
export function showVerdict(snapshot) {
  const { build, at, started, series } = snapshot;
  const found = findings(snapshot);
  const tone = found[0]?.tone ?? "good";
  const { rate, total } = lastMinute(series);
  const p95 = latest(series.p95);
  const calm =
    total === 0
      ? "No partner request in the last minute."
      : `${short(rate)} requests per second, 95 % of them answered within ${short(p95 ?? 0)} ms.`;
  document.body.dataset["tone"] = tone;
  document.title = `${tone === "good" ? "" : `${found[0]?.what ?? ""} `}partners-gateway`;
  colourIcon(COLOURS[tone]);
  byId("build").textContent =
    `${build.version} · Node.js ${build.node.replace(/^v/, "")} · up ${lasted(at - started)}`;
  byId("verdict-title").textContent = found[0]?.what ?? "No problems.";
  redraw("findings", [found, calm], () =>
    found.length === 0
      ? [el("li", {}, calm)]
      : found.map(({ what, advice }, i) =>
          el("li", {}, i === 0 ? undefined : el("strong", {}, `${what} `), advice),
        ),
  );
}

/** Colours the tab's icon, so that a problem shows among many tabs. @param {string} colour */
function colourIcon(colour) {
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colour}"/></svg>`;
  document
    .querySelector("link[rel=icon]")
    ?.setAttribute("href", `data:image/svg+xml,${encodeURIComponent(picture)}`);
}

/** @param {Snapshot} snapshot */
export function showTiles(snapshot) {
  const tiles = tilesOf(snapshot);
  redraw("tiles", tiles, () => tiles.map((tile) => tileOf(tile)));
}

/**
 * @param {Snapshot} snapshot
 * @returns {Tile[]}
 */
function tilesOf({ health, load, series }) {
  const minute = lastMinute(series);
  const [p50, p95, p99] = [latest(series.p50), latest(series.p95), latest(series.p99)];
  const native = series.native.slice(-12).reduce((sum, n) => sum + n, 0) / 60;
  const nativeFailed = series.nativeFailed.slice(-12).reduce((sum, n) => sum + n, 0);
  return [
    { name: "Partner requests", value: short(minute.rate), unit: "/s", more: "last minute" },
    {
      name: "Failed, 5xx",
      value: percent(minute.failed),
      more: `refused, 4xx: ${percent(minute.refused)}`,
      tone: minute.failed >= 0.05 ? "bad" : minute.failed >= 0.01 ? "warn" : undefined,
    },
    {
      name: "p95 to answer",
      value: p95 === undefined ? "–" : short(p95),
      ...(p95 === undefined ? {} : { unit: "ms" }),
      more: p95 === undefined ? "nothing to measure" : `p50 ${short(p50 ?? 0)} · p99 ${short(p99 ?? 0)}`,
    },
    { name: "In flight", ...levelTile(load.inFlight) },
    {
      name: "CMS connections",
      ...levelTile(load.connections),
      more: `of ${load.connections.most} · ${load.waiting.now} waiting`,
    },
    ...Object.entries(health.parts).map(([part, state]) => partTile(part, state, load.breakerOpen)),
    {
      name: "Native requests",
      value: short(native),
      unit: "/s",
      more: nativeFailed === 0 ? "none failed, 5xx" : `${nativeFailed} failed, 5xx`,
      tone: nativeFailed === 0 ? undefined : "warn",
    },
  ];
}

/** @param {Level} level */
function levelTile(level) {
  return { value: String(level.now), more: `of ${level.most}`, level };
}

/** @type {Readonly<Record<string, string>>} */
const PART_NOTES = {
  redis: "cache shared by replicas",
  rate: "counters of the rate limit",
};

/**
 * @param {string} part
 * @param {string} state
 * @param {boolean} isOpen
 * @returns {Tile}
 */
function partTile(part, state, isOpen) {
  const words = { ok: "answers", degraded: "degraded", down: "down", unknown: "unknown" };
  const value = Object.entries(words).find(([name]) => name === state)?.[1] ?? state;
  const tone = state === "ok" ? "good" : state === "down" ? "bad" : "warn";
  return {
    name: titled(part),
    value,
    tone,
    more: PART_NOTES[part] ?? (part === "cms" ? `breaker ${isOpen ? "open" : "closed"}` : ""),
  };
}

/** @param {Tile} tile */
function tileOf({ name, value, unit, more, tone, level }) {
  const meter =
    level === undefined
      ? undefined
      : el(
          "div",
          {
            class: "meter",
            role: "meter",
            "aria-label": name,
            "aria-valuenow": level.now,
            "aria-valuemin": 0,
            "aria-valuemax": level.most,
            "data-tone": toneOf(level),
          },
          el("i", { "--share": Math.min(1, level.now / level.most) }),
        );
  return el(
    "div",
    { class: "tile", "data-tone": tone },
    el("span", { class: "name" }, name),
    el(
      "span",
      { class: "value" },
      value,
      unit === undefined ? undefined : el("span", { class: "unit" }, unit),
    ),
    more === undefined ? undefined : el("span", { class: "more" }, more),
    meter,
  );
}
