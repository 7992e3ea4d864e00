/**
 * Creates elements. Text from clients, tenants and the CMS becomes text nodes or attribute values only: nothing on
 * this page is parsed as markup.
 *
 * @typedef {Readonly<Record<string, string | number | undefined>>} Attributes
 * @typedef {Node | string | undefined} Child
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} attributes
 * @param {...Child} children
 */
export function el(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} attributes
 * @param {...Child} children
 */
export function svg(tag, attributes = {}, ...children) {
  return dress(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Sets the attributes. `--name` becomes a custom property, since the policy forbids inline styles.
 *
 * @template {HTMLElement | SVGElement} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {readonly Child[]} children
 */
function dress(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (name.startsWith("--")) element.style.setProperty(name, String(value));
    else element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** @param {string} id */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** @type {Map<string, string>} */
const drawn = new Map();

/**
 * Redraws a part of the page if its data has changed. A part with selected text is not redrawn, so that the text can
 * be copied.
 *
 * @param {string} id
 * @param {unknown} shown
 * @param {() => Child[]} draw
 */
export function redraw(id, shown, draw) {
  const part = byId(id);
  const now = JSON.stringify(shown);
  const selection = document.getSelection();
  const isMarking = selection !== null && !selection.isCollapsed && part.contains(selection.anchorNode);
  if (drawn.get(id) === now || isMarking) return;
  drawn.set(id, now);
  part.replaceChildren(...draw().filter((child) => child !== undefined));
}
