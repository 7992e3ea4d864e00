/**
 * Charts over time, drawn to the available width. Values can be read with the pointer, with the arrow keys and by a
 * screen reader: the legend shows them.
 *
 * @typedef {{ readonly name: string, readonly title: string, readonly values: readonly (number | null)[] }} Curve
 * @typedef {object} Drawing
 * @property {readonly Curve[]} curves
 * @property {number} slot length of a slot in milliseconds
 * @property {number} at the time of the last slot
 * @property {"bars" | "lines"} kind
 * @property {string} unit
 * @property {string} label text for screen readers
 */
import { byId, el, svg } from "./dom.js";
import { clockTime, short } from "./words.js";

const HEIGHT = 190;
const LEFT = 38;
const BOTTOM = 20;
const TOP = 8;

/** A chart in the page element with `id`. `show` draws new data. */
export class Chart {
  #place;
  #legend = el("div", { class: "legend", "aria-live": "off" });
  #canvas = svg("svg", { role: "img", tabindex: 0 });
  /** @type {Drawing | undefined} */
  #drawing;
  /** @type {number | undefined} */
  #cursor;
  #step = 1;

  /** @param {string} id */
  constructor(id) {
    this.#place = byId(id);
    this.#place.append(this.#canvas, this.#legend);
    new ResizeObserver(() => this.#draw()).observe(this.#place);
    this.#canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#canvas.addEventListener("pointerleave", () => this.#point(undefined));
    this.#canvas.addEventListener("blur", () => this.#point(undefined));
    this.#canvas.addEventListener("keydown", (event) => {
      const by = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
      if (by === 0) return;
      event.preventDefault();
      this.#legend.setAttribute("aria-live", "polite");
      const last = this.#columns() - 1;
      this.#cursor = Math.min(last, Math.max(0, (this.#cursor ?? last + (by < 0 ? 1 : 0)) + by));
      this.#draw();
    });
  }

  /** @param {Drawing} drawing */
  show(drawing) {
    this.#drawing = drawing;
    this.#draw();
  }

  get #width() {
    return Math.max(200, this.#place.clientWidth);
  }

  #columns() {
    return Math.ceil((this.#drawing?.curves[0]?.values.length ?? 0) / this.#step);
  }

  /** @param {number | undefined} offset */
  #point(offset) {
    const columns = this.#columns();
    const at =
      offset === undefined ? undefined : Math.floor(((offset - LEFT) / (this.#width - LEFT)) * columns);
    const cursor = at === undefined || at < 0 || at >= columns ? undefined : at;
    if (cursor === this.#cursor) return;
    this.#cursor = cursor;
    this.#draw();
  }

  #draw() {
    const drawing = this.#drawing;
    if (drawing === undefined) return;
    // A bar needs a minimum width to be visible, so on a phone several slots share one bar.
    this.#step = Math.max(1, Math.ceil((180 * 3.5) / (this.#width - LEFT)));
    const curves = drawing.curves.map((curve) => ({
      ...curve,
      values: joined(curve.values, this.#step, drawing.kind),
    }));
    const top = nice(highest(curves, drawing.kind));
    this.#canvas.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.#canvas.setAttribute("aria-label", drawing.label);
    const frame = { width: this.#width, columns: this.#columns(), top };
    const isEmpty = curves.every(({ values }) => values.every((value) => value === null || value === 0));
    this.#canvas.replaceChildren(
      ...grid(frame, drawing.slot * (drawing.curves[0]?.values.length ?? 0)),
      ...(isEmpty
        ? [emptyNote(frame)]
        : drawing.kind === "bars"
          ? bars(curves, frame)
          : lines(curves, frame)),
      ...cursorLine(this.#cursor, frame),
    );
    this.#legend.replaceChildren(...legend(curves, drawing, { cursor: this.#cursor, step: this.#step }));
  }
}

/** @typedef {{ readonly width: number, readonly columns: number, readonly top: number }} Frame */

/**
 * Merges several slots into one: the mean of counts, the maximum of latencies.
 *
 * @param {readonly (number | null)[]} values
 * @param {number} step
 * @param {Drawing["kind"]} kind
 */
function joined(values, step, kind) {
  const out = [];
  for (let i = 0; i < values.length; i += step) {
    const some = values.slice(i, i + step).filter((value) => value !== null);
    const sum = some.reduce((all, value) => all + value, 0);
    out.push(some.length === 0 ? null : kind === "bars" ? sum / some.length : Math.max(...some));
  }
  return out;
}

/**
 * @param {readonly Curve[]} curves
 * @param {Drawing["kind"]} kind
 */
function highest(curves, kind) {
  const columns = curves[0]?.values.map((_, i) => curves.map(({ values }) => values[i] ?? 0)) ?? [];
  const heights = columns.map((column) =>
    kind === "bars" ? column.reduce((a, b) => a + b, 0) : Math.max(...column),
  );
  return Math.max(0, ...heights);
}

/** Returns the next round number above. @param {number} value */
function nice(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 4, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

/** @param {number} value @param {Frame} frame */
function y(value, { top }) {
  return TOP + (1 - value / top) * (HEIGHT - TOP - BOTTOM);
}

/** @param {number} column @param {Frame} frame */
function x(column, { width, columns }) {
  return LEFT + (column / columns) * (width - LEFT);
}

/** @param {Frame} frame @param {number} span */
function grid(frame, span) {
  const values = [0, frame.top / 2, frame.top];
  const rules = values.flatMap((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: frame.width, y1: y(value, frame), y2: y(value, frame) }),
    svg("text", { x: LEFT - 6, y: y(value, frame) + 4, "text-anchor": "end" }, short(value)),
  ]);
  const minutes = Math.round(span / 60_000);
  const marks = [0, 1, 2, 3].map((third) => {
    const anchor = third === 0 ? "start" : third === 3 ? "end" : "middle";
    const ago = minutes - (minutes * third) / 3;
    // On a phone the full labels would overlap.
    const text = ago === 0 ? "now" : `${ago} min${frame.width < 340 ? "" : " ago"}`;
    return svg(
      "text",
      { x: x((frame.columns * third) / 3, frame), y: HEIGHT - 4, "text-anchor": anchor },
      text,
    );
  });
  return [...rules, ...marks];
}

/** @param {Frame} frame */
function emptyNote(frame) {
  const attributes = { class: "none", x: (frame.width + LEFT) / 2, y: HEIGHT / 2, "text-anchor": "middle" };
  return svg("text", attributes, "No partner request in this time");
}

/** @param {readonly Curve[]} curves @param {Frame} frame */
function bars(curves, frame) {
  const width = Math.max(1, (frame.width - LEFT) / frame.columns - 1);
  const below = Array.from({ length: frame.columns }, () => 0);
  return curves.flatMap(({ name, values }) =>
    values.flatMap((value, column) => {
      if (value === null || value === 0) return [];
      const from = below[column] ?? 0;
      below[column] = from + value;
      // A single failure among thousands must stay visible.
      const height = Math.max(1.5, y(from, frame) - y(from + value, frame));
      return [svg("rect", { class: name, x: x(column, frame), y: y(from, frame) - height, width, height })];
    }),
  );
}

/** Draws lines with gaps where nothing was measured. @param {readonly Curve[]} curves @param {Frame} frame */
function lines(curves, frame) {
  return curves.flatMap(({ name, values }) => {
    let path = "";
    const dots = [];
    for (const [column, value] of values.entries()) {
      if (value === null) continue;
      const [px, py] = [x(column + 0.5, frame).toFixed(1), y(value, frame).toFixed(1)];
      const isStart = (values[column - 1] ?? null) === null;
      path += `${isStart ? "M" : "L"}${px} ${py}`;
      if (isStart && (values[column + 1] ?? null) === null)
        dots.push(svg("circle", { class: `dot ${name}`, cx: px, cy: py, r: 2 }));
    }
    return [svg("path", { class: `line ${name}`, d: path }), ...dots];
  });
}

/** @param {number | undefined} cursor @param {Frame} frame */
function cursorLine(cursor, frame) {
  if (cursor === undefined) return [];
  const at = x(cursor + 0.5, frame);
  return [svg("line", { class: "cursor", x1: at, x2: at, y1: TOP, y2: HEIGHT - BOTTOM })];
}

/**
 * Returns the names, and the values at the cursor.
 *
 * @param {readonly Curve[]} curves
 * @param {Drawing} drawing
 * @param {{ readonly cursor: number | undefined, readonly step: number }} reading
 * @returns {Node[]}
 */
function legend(curves, { at, slot, unit }, { cursor, step }) {
  const keys = curves.map(({ name, title, values }) => {
    const value = cursor === undefined ? undefined : (values[cursor] ?? undefined);
    const number = value === undefined ? [] : [" ", el("b", {}, `${short(value)}${unit}`)];
    return el("span", { class: `key ${name}` }, title, ...number);
  });
  if (cursor === undefined) return keys;
  const columns = curves[0]?.values.length ?? 0;
  const ago = (columns - 1 - cursor) * step * slot;
  return [...keys, el("span", { class: "when" }, clockTime(at - ago))];
}
