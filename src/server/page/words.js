/**
 * The page's statements about a snapshot: pure functions.
 *
 * @import { Level, Series, Snapshot } from "../../core/status.ts"
 * @typedef {"good" | "warn" | "bad"} Tone
 * @typedef {{ readonly tone: Tone, readonly what: string, readonly advice: string }} Finding
 * @typedef {{ readonly rate: number, readonly failed: number, readonly refused: number, readonly total: number }} Minute
 */

/**
 * Returns the last whole minute: requests per second, and shares between 0 and 1.
 *
 * @param {Series} series
 * @returns {Minute}
 */
export function lastMinute({ slot, answered, refused, failed }) {
  const slots = Math.round(60_000 / slot);
  const sum = (/** @type {readonly number[]} */ list) => list.slice(-slots).reduce((all, n) => all + n, 0);
  const counts = { answered: sum(answered), refused: sum(refused), failed: sum(failed) };
  const total = counts.answered + counts.refused + counts.failed;
  const share = (/** @type {number} */ n) => (total === 0 ? 0 : n / total);
  return { total, rate: total / 60, failed: share(counts.failed), refused: share(counts.refused) };
}

/**
 * Returns the latest number of a list, at most one minute old.
 *
 * @param {readonly (number | null)[]} list
 */
export function latest(list) {
  return list.slice(-12).findLast((value) => value !== null) ?? undefined;
}

/** @type {Readonly<Record<string, string>>} */
const ADVICE = {
  redis:
    "Partners are served from the local cache and the CMS. A revoked key may stay valid on other replicas for cache.cutOffTtl.",
  isolation: "Breaches of isolation are listed below; docs/operating.md#gatewayisolation has the steps.",
};

/**
 * Returns the problems for the operator, the worst first.
 *
 * @param {Snapshot} snapshot
 * @returns {Finding[]}
 */
export function findings(snapshot) {
  const { health, load, series } = snapshot;
  const { failed, total } = lastMinute(series);
  /** @type {Finding[]} */
  const found = [];
  const say = (/** @type {Tone} */ tone, /** @type {string} */ what, /** @type {string} */ advice) =>
    void found.push({ tone, what, advice });
  if (health.draining)
    say("warn", "Draining.", "Requests in flight finish; /readyz tells the load balancer to stop.");
  else if (!health.ready)
    say("bad", "Not ready: the CMS has not answered.", "Check upstream.url, and that the CMS is up.");
  const breached = recentBreaches(snapshot);
  if (breached > 0) {
    const records = `${breached} ${breached === 1 ? "record" : "records"}`;
    say("bad", `The CMS sent ${records} of other tenants.`, ADVICE["isolation"] ?? "");
  }
  if (load.breakerOpen || health.parts["cms"] === "down")
    say(
      "bad",
      "The CMS does not answer.",
      "Partners get 503 at once. Trial requests continue, and service resumes with the first answer.",
    );
  else if (health.ready && health.parts["cms"] === "degraded")
    say(
      "warn",
      "The last request to the CMS got no answer.",
      "A single one is a restart or a lost connection; several open the circuit breaker.",
    );
  for (const [part, state] of Object.entries(health.parts)) {
    if (part === "cms" || state === "ok" || state === "unknown") continue;
    say("warn", `${titled(part)} is ${state}.`, ADVICE[part] ?? "");
  }
  if (total > 0 && failed >= 0.01)
    say(
      failed >= 0.05 ? "bad" : "warn",
      `${percent(failed)} of partner requests failed in the last minute.`,
      "The refusals below give the reasons.",
    );
  const levels = {
    "Partner requests in flight": load.inFlight,
    "CMS connections": load.connections,
    "Requests that wait for a CMS connection": load.waiting,
  };
  for (const [name, level] of Object.entries(levels)) {
    if (toneOf(level) !== "good")
      say("warn", `${name}: ${level.now} of ${level.most}.`, "At the limit, partners get 503.");
  }
  const gone = pastSunset(snapshot);
  if (gone > 0)
    say(
      "warn",
      `${gone} ${gone === 1 ? "key still uses" : "keys still use"} a version past its sunset.`,
      "They are listed at the end of this page.",
    );
  const order = { bad: 0, warn: 1, good: 2 };
  return found.toSorted((a, b) => order[a.tone] - order[b.tone]);
}

/** The time that a breach is shown as recent, in milliseconds. */
const RECENT_MS = 15 * 60_000;

/**
 * Returns the number of records in recent breaches.
 *
 * @param {Snapshot} snapshot
 */
function recentBreaches({ breaches, at }) {
  const recent = breaches.filter(({ seen }) => at - seen < RECENT_MS);
  return recent.reduce((sum, { count }) => sum + count, 0);
}

/** @param {Snapshot} snapshot */
function pastSunset({ uses, at }) {
  return uses.filter(({ sunset }) => sunset !== undefined && Date.parse(sunset) < at).length;
}

/**
 * Rates how near a number is to its limit.
 *
 * @param {Level} level
 * @returns {Tone}
 */
export function toneOf({ now, most }) {
  return now >= most ? "bad" : now >= 0.8 * most ? "warn" : "good";
}

/** @param {number} share between 0 and 1 */
export function percent(share) {
  const value = share * 100;
  if (value === 0 || value >= 99.95) return `${Math.round(value)} %`;
  return value < 0.1 ? "< 0.1 %" : `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

/** @param {number} value */
export function short(value) {
  if (value >= 10_000) return `${(value / 1_000).toFixed(value >= 100_000 ? 0 : 1).replace(/\.0$/, "")}k`;
  if (value >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}

/** @param {number} ms */
export function lasted(ms) {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(ms / 1_000))} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** @param {number} at milliseconds since 1970 */
export function clockTime(at) {
  return new Date(at).toLocaleTimeString("en-GB");
}

/** @param {string} text */
export function titled(text) {
  return text === "cms" ? "CMS" : text.charAt(0).toUpperCase() + text.slice(1);
}
