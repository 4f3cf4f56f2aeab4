/* A scene shown large: pixels, a glow above them, and boxes that can be taken hold of. */

import { glow, grey, h, paint, pixels, svg } from "./dom.js";
import { pixelBox } from "../engine/spatial_transformer.js";

const DASHES = { solid: "", dash: "6 4", dot: "1.5 3.5", dashdot: "6 3 1.5 3", longdash: "10 4", longdashdot: "10 3 1.5 3" };
const HANDLE = 2.4; // side of the corner that resizes, in scene pixels: large enough for a finger

export class SceneView {
  /** `styles` are the steps' colour, dash and name, in order. */
  constructor(side, label, styles) {
    Object.assign(this, { side, styles });
    this.canvas = pixels(side, label);
    this.glow = h("canvas", { width: 1, height: 1, class: "glow", "aria-hidden": true });
    this.thin = svg("g", { class: "cloud", "aria-hidden": true });
    this.boxes = svg("g");
    this.svg = svg("svg", { viewBox: `0 0 ${side} ${side}` }, this.thin, this.boxes);
    this.element = h("div", { class: "scene" }, this.canvas, this.glow, this.svg);
  }

  paint(values) {
    paint(this.canvas, values, grey);
  }

  /** A coarse picture (n n) of numbers in [0, 1] above the scene; none without. */
  showGlow(values) {
    this.glow.width = this.glow.height = values ? Math.sqrt(values.length) : 1;
    if (values) paint(this.glow, values, glow);
  }

  style(t) {
    return this.styles[t % this.styles.length];
  }

  outline(t, zWhere, attributes) {
    const { x, y, side } = pixelBox(zWhere, this.side), { colour, dash } = this.style(t);
    return { x, y, width: side, height: side, stroke: colour, "stroke-dasharray": DASHES[dash], ...attributes };
  }

  /** Boxes just to look at, in steps' colours: [[step, z_where], ...]. */
  showBoxes(list) {
    this.boxes.replaceChildren(...list.map(([t, zWhere]) => svg("rect", this.outline(t, zWhere, { class: "box" }))));
  }

  /** Add a thin box to the cloud of samples. */
  addThin(t, zWhere) {
    this.thin.append(svg("rect", this.outline(t, zWhere, { class: "thin", "stroke-dasharray": "" })));
  }

  clearThin() {
    this.thin.replaceChildren();
  }

  /** Boxes that can be taken hold of, one for each z_where; their listeners are the caller's. */
  holdable(zWheres, selected) {
    if (this.boxes.children.length !== zWheres.length) {
      this.boxes.replaceChildren(...zWheres.map((_, t) => this.holdableBox(t)));
    }
    zWheres.forEach((zWhere, t) => {
      const group = this.boxes.children[t], [rect, corner] = group.children;
      const place = this.outline(t, zWhere, {});
      for (const [name, value] of Object.entries(place)) rect.setAttribute(name, value);
      corner.setAttribute("x", place.x + place.width - HANDLE / 2);
      corner.setAttribute("y", place.y + place.height - HANDLE / 2);
      group.style.color = place.stroke;
      group.classList.toggle("selected", t === selected);
      const [s, x, y] = zWhere.map((value) => value.toFixed(2));
      group.setAttribute("aria-label", `${this.style(t).name} object, s ${s}, x ${x}, y ${y}`);
    });
  }

  holdableBox(t) {
    return svg(
      "g",
      { class: "holdable", tabindex: 0, role: "button", "data-object": t, "aria-roledescription": "movable box" },
      svg("rect", { class: "box" }),
      svg("rect", { class: "corner", width: HANDLE, height: HANDLE }),
    );
  }

  /** Scene pixels of a pointer event. */
  pixelOf(event) {
    const { left, top, width } = this.svg.getBoundingClientRect();
    return [((event.clientX - left) * this.side) / width, ((event.clientY - top) * this.side) / width];
  }
}
