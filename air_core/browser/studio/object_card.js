/* The card of an object: its three sliders of z_where, and its z_what as a pad and sliders. */

import { capital, h } from "./dom.js";

const AXES = [
  ["s", "Scale: the box covers 1/s of the canvas. A larger s is a smaller object."],
  ["x", "A larger x moves the object to the left."],
  ["y", "A larger y moves the object up."],
];
const RANGE = [[0.1, 8], [-6, 6], [-6, 6]];
const FARTHEST = 3; // the prior of z_what is a standard Normal

/** A labelled slider; `change(value)` at every move, `begin` before the first, `end` after the last. */
export function slider(label, tip, [low, high], step, { begin, change, end }) {
  const output = h("output");
  let held = false;
  const input = h("input", {
    type: "range", min: low, max: high, step, "aria-label": label, title: tip,
    oninput: () => {
      if (!held) begin();
      held = true;
      change(Number(input.value));
    },
    onchange: () => {
      held = false;
      end();
    },
  });
  const show = (value) => {
    if (value < Number(input.min)) input.min = Math.floor(value);
    if (value > Number(input.max)) input.max = Math.ceil(value);
    if (!held) input.value = value;
    output.textContent = value.toFixed(2);
  };
  const name = label.split(",")[0];
  return { element: h("label", { class: "slider", title: tip }, h("span", {}, name), input, output), show };
}

/** A square whose x and y are two numbers of z_what. */
function pad(dimensions, style, { begin, change, end }) {
  const dot = h("span", { class: "dot", style: `background:${style.colour}` });
  const [a, b] = dimensions;
  const element = h("div", {
    class: "pad", tabindex: 0, role: "group",
    "aria-label": `z_what ${a + 1} and ${b + 1} of the ${style.name} object; arrow keys move`,
    title: `Right and left: z_what ${a + 1}. Up and down: z_what ${b + 1}. The two that differ most between digits.`,
  }, dot);
  let values = [0, 0];
  const follow = (event) => {
    const { left, top, width } = element.getBoundingClientRect();
    const at = (part) => Math.max(-1, Math.min(1, 2 * part - 1)) * FARTHEST;
    change([at((event.clientX - left) / width), -at((event.clientY - top) / width)]);
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    element.setPointerCapture(event.pointerId);
    begin();
    follow(event);
  });
  element.addEventListener("pointermove", (event) => element.hasPointerCapture(event.pointerId) && follow(event));
  element.addEventListener("lostpointercapture", end);
  element.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    event.stopPropagation();
    begin();
    change([values[0] + 0.1 * dx, values[1] + 0.1 * dy]);
    end();
  });
  const show = (x, y) => {
    values = [x, y];
    const at = (value) => 50 + (50 * Math.max(-FARTHEST, Math.min(FARTHEST, value))) / FARTHEST;
    dot.style.left = `${at(x)}%`;
    dot.style.top = `${at(-y)}%`;
  };
  return { element, show };
}

export class ObjectCard {
  /** `active` lists the numbers of z_what, the most active first; `on` has begin, end, where, what, remove. */
  constructor(t, style, active, on) {
    const name = `${style.name} object`, gesture = { begin: on.begin, end: on.end };
    this.where = AXES.map(([axis, tip], k) =>
      slider(`${axis}, ${name}`, tip, RANGE[k], 0.01, { ...gesture, change: (value) => on.where(k, value) }));
    const set = (pairs) => on.what(pairs);
    this.active = active.length > 1 ? active : [active[0], active[0]]; // a pad has two axes
    active = this.active;
    this.pad = pad(active.slice(0, 2), style, { ...gesture, change: ([x, y]) => set([[active[0], x], [active[1], y]]) });
    this.what = active.slice(2).map((k) =>
      slider(`z ${k + 1}, z_what of the ${name}`, "", [-FARTHEST, FARTHEST], 0.01, { ...gesture, change: (value) => set([[k, value]]) }));
    const title = h("strong", { style: `color:${style.colour}` }, `${capital(name)}`);
    const remove = h("button", { class: "small", "aria-label": `Remove the ${name}`, title: "Remove (Delete)", onclick: on.remove }, "✕");
    this.box = h("span", { class: "quiet" });
    this.element = h("section", { class: "card", "aria-label": name },
      h("header", {}, title, this.box, remove),
      ...this.where.map((one) => one.element),
      h("details", { ontoggle: () => this.showRest() }, h("summary", {}, "Appearance (z_what)"),
        h("div", { class: "appearance" }, this.pad.element, h("div", { class: "rest" }, ...this.what.map((one) => one.element)))));
  }

  /** Follow the object: z_where, z_what and the box { x, y, side } in pixels. */
  show({ zWhere, zWhat }, box, selected) {
    this.where.forEach((one, k) => one.show(zWhere[k]));
    this.pad.show(zWhat[this.active[0]], zWhat[this.active[1]]);
    this.zWhat = zWhat;
    this.showRest();
    this.box.textContent = `${box.side.toFixed(1)} px at ${box.x.toFixed(1)}, ${box.y.toFixed(1)}`;
    this.element.classList.toggle("selected", selected);
  }

  /** The sliders of z_what follow only while they can be seen. */
  showRest() {
    if (this.element.querySelector("details").open) this.what.forEach((one, i) => one.show(this.zWhat[this.active[i + 2]]));
  }
}
