/* Making elements, and painting numbers into them. */

/** An element with attributes, listeners (`on...`) and children. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** A square canvas of `side` pixels, shown crisp. */
export function pixels(side, label) {
  return h("canvas", { width: side, height: side, class: "pixels", role: "img", "aria-label": label });
}

/** Paint numbers (side side) by `colour`: number -> [red, green, blue, alpha] in 0..255. */
export function paint(canvas, values, colour) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < values.length; i++) image.data.set(colour(values[i]), 4 * i);
  context.putImageData(image, 0, 0);
}

const byte = (value) => Math.max(0, Math.min(255, Math.round(255 * value)));

/** White on black, of a number in [0, 1]. */
export const grey = (value) => [byte(value), byte(value), byte(value), 255];

/** Of a residual: what is missing orange, what is too much blue. */
export const signed = (value) =>
  value > 0 ? [byte(value), byte(0.55 * value), 0, 255] : [0, byte(-0.55 * value), byte(-value), 255];

/** Of a landscape's height in [0, 1]: transparent where low, yellow at the top. */
export const glow = (value) => [255, byte(0.25 + 0.7 * value), byte(0.6 * (1 - value)), byte(0.75 * value ** 2)];

/** Numbers for people: 1,234.5, with the sign if it matters. */
export function nats(value, sign = false) {
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "–";
  const text = Math.abs(value).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  return (value < 0 ? "−" : sign ? "+" : "") + text;
}

export const capital = (word) => word[0].toUpperCase() + word.slice(1);
