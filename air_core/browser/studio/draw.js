/* Draw: AIR answers while the stroke is being drawn. */

import { Surface } from "./brush.js";
import { capital, grey, h, paint, pixels, signed } from "./dom.js";
import { npz, png, save } from "./files.js";
import { slider } from "./object_card.js";
import { SceneView } from "./scene_view.js";

const UNEXPLAINED = 0.12; // share of the ink from which it is said: of held-out scenes one in a hundred has 0.10
const LEAST_INK = 6; // white pixels' worth, below which a dot is no object

export class Draw {
  /** `data`: examples [image], image?, styles, trained (the largest count); `keep(image)` stores a drawing. */
  constructor(air, data, keep) {
    Object.assign(this, { air, data, keep, side: air.canvasSide, shown: 0 });
    this.surface = new Surface(this.side, { changed: () => this.answer(), finished: () => this.told() });
    this.build();
    if (data.image) this.surface.load(data.image);
    else if (data.examples.length) this.example();
    this.answer();
    this.told();
  }

  build() {
    this.overlay = new SceneView(this.side, "", this.data.styles);
    this.overlay.canvas.remove();
    const stack = h("div", { class: "scene large drawing" }, this.surface.canvas, this.overlay.svg);
    this.seen = pixels(this.side, "What AIR sees: your drawing at its own resolution");
    this.painted = pixels(this.side, "What AIR paints back");
    this.left = pixels(this.side, "What is left over: orange is missing, blue too much");
    this.bars = h("div", { class: "bars", role: "img" });
    this.note = h("p", { class: "note", role: "status" });
    this.steps = h("div", { class: "steps" });
    this.element = h("div", { class: "draw" },
      h("div", { class: "left" }, stack, this.tools()),
      h("div", { class: "middle" }, this.figure(this.seen, "What AIR sees"), this.figure(this.painted, "What AIR paints back"), this.figure(this.left, "What is left over")),
      h("div", { class: "right" }, h("h3", {}, "How many?"), this.bars, this.note, h("h3", {}, "Step by step"), this.steps));
    this.element.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) {
        event.preventDefault();
        this.undo();
      }
    });
  }

  figure(canvas, title) {
    return h("figure", {}, canvas, h("figcaption", {}, title));
  }

  tools() {
    const button = (text, title, onclick) => h("button", { title, onclick }, text);
    const still = { begin() {}, end() {} };
    const size = slider("brush", "Width of the brush, in pixels of the scene", [1, 6], 0.1, { ...still, change: (value) => this.set("size", value, size) });
    const soft = slider("soft edge", "How softly the brush ends; MNIST's digits are soft", [0, 1], 0.05, { ...still, change: (value) => this.set("soft", value, soft) });
    size.show(this.surface.size);
    soft.show(this.surface.soft);
    this.eraser = h("button", { "aria-pressed": "false", title: "Rub out", onclick: () => this.toggleEraser() }, "Erase");
    const buttons = [
      this.eraser, button("Undo", "Ctrl-Z", () => this.undo()), button("Clear", "An empty canvas", () => this.act(() => this.surface.clear())),
      button("Example", "A scene of digits that training never saw", () => this.act(() => this.example())),
      button("PNG", "Save the scene as a picture", async () => save("drawing.png", await png(this.image, this.side))),
      button(".npz", "Save the scene as a file for air_core.evaluate", () => save("drawing.npz", npz(this.image, this.side))),
    ];
    if (this.keep) buttons.push(button("Keep", "For the Attention and Compose pages", () => this.keep(this.image)));
    return h("div", {}, h("div", { class: "toolbar" }, ...buttons), h("div", { class: "sliders" }, size.element, soft.element));
  }

  set(name, value, shown) {
    this.surface[name] = value;
    shown.show(value);
  }

  toggleEraser() {
    this.surface.erasing = !this.surface.erasing;
    this.eraser.setAttribute("aria-pressed", String(this.surface.erasing));
  }

  act(change) {
    change();
    this.answer();
    this.told();
  }

  undo() {
    this.act(() => this.surface.undo());
  }

  example() {
    this.surface.load(this.data.examples[this.shown++ % this.data.examples.length]);
  }

  /** Ask AIR about the drawing as it is now, and show all it says. */
  answer() {
    this.image = this.surface.values();
    const found = (this.found = this.air.explain(this.image));
    const meant = found.steps.slice(0, found.count);
    this.overlay.showBoxes(meant.map((step, t) => [t, step.zWhere]));
    this.canvas = found.count ? meant[found.count - 1].canvas : new Float64Array(this.image.length);
    paint(this.seen, this.image, grey);
    paint(this.painted, this.canvas, grey);
    paint(this.left, this.image.map((value, i) => value - this.canvas[i]), signed);
    this.showBars(found);
    this.showSteps(found);
  }

  showBars({ qCounts, count }) {
    if (this.bars.children.length !== qCounts.length) {
      this.bars.replaceChildren(...qCounts.map((_, n) =>
        h("div", { class: "bar" }, h("span", {}, String(n)), h("i", {}, h("b")), h("output"))));
    }
    qCounts.forEach((q, n) => {
      const bar = this.bars.children[n];
      bar.classList.toggle("chosen", n === count);
      bar.querySelector("b").style.width = `${100 * q}%`;
      bar.querySelector("output").textContent = q > 0.0005 && q < 0.9995 ? `${(100 * q).toFixed(1)} %` : q < 0.5 ? "0 %" : "100 %";
    });
    this.bars.setAttribute("aria-label", `q(n): ${qCounts.map((q, n) => `${n}: ${(100 * q).toFixed(0)} %`).join(", ")}`);
  }

  showSteps({ steps, count }) {
    const { window_side: side } = this.air.config;
    if (!this.steps.children.length) this.steps.replaceChildren(...steps.map((_, t) => this.stepRow(t, side)));
    steps.forEach((step, t) => {
      const row = this.steps.children[t], [crop, window] = row.querySelectorAll("canvas");
      row.classList.toggle("absent", t >= count);
      paint(crop, this.air.crop(this.image, step.zWhere), grey);
      paint(window, step.window, grey);
      const [s, x, y] = [...step.zWhere].map((value) => value.toFixed(2)), place = `s ${s}\nx ${x}, y ${y}`;
      row.querySelector("output").textContent = t > count ? "" : `z_pres ${step.pPres.toFixed(3)}${t < count ? `\n${place}` : ""}`;
    });
  }

  stepRow(t, side) {
    const style = this.overlay.style(t);
    return h("div", { class: "step" },
      h("strong", { style: `color:${style.colour}` }, capital(style.name)),
      pixels(side, `What the ${style.name} step sees`), h("span", { "aria-hidden": true }, "→"),
      pixels(side, `What the ${style.name} step paints`), h("output"));
  }

  /** Ink that no object explains: where nothing is painted, nor right beside. */
  unexplained() {
    const n = this.side;
    return this.image.map((value, i) => {
      let near = 0;
      for (let y = Math.max(Math.floor(i / n) - 1, 0); y <= Math.min(Math.floor(i / n) + 1, n - 1); y++) {
        for (let x = Math.max((i % n) - 1, 0); x <= Math.min((i % n) + 1, n - 1); x++) near = Math.max(near, this.canvas[y * n + x]);
      }
      return Math.max(0, value - near);
    });
  }

  /** After a stroke: a sentence about ink that no object explains. */
  told() {
    const total = (values) => values.reduce((sum, value) => sum + value, 0);
    const ink = total(this.image), left = total(this.unexplained()), share = ink ? left / ink : 0, { trained } = this.data;
    const why = `it was trained on scenes of up to ${trained} digit${trained === 1 ? "" : "s"}, and paints only what it has learned to paint`;
    this.note.textContent = ink < 1
      ? "Draw a digit, or two."
      : share > UNEXPLAINED && left > LEAST_INK ? `Unexplained ink: ${(100 * share).toFixed(0)} % of your drawing. AIR leaves it: ${why}.` : "";
  }
}
