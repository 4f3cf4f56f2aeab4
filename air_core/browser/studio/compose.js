/* Compose: objects whose z_where follows the hand, and what the model says of them in every frame. */

import { pixelBox, whereOfBox, MIN_SCALE } from "../engine/spatial_transformer.js";
import { Composition } from "./composition.js";
import { h, nats, paint, pixels, signed, grey } from "./dom.js";
import { ObjectCard } from "./object_card.js";
import { SceneView } from "./scene_view.js";

const PLACES = 25; // of the landscape, along each axis
const SAMPLES = 100; // of the cloud
const NUDGED_MS = 60; // after a nudge, until it counts as a release
const SLICE_MS = 6; // what long work may take of a frame

export class Compose {
  /** `data`: scene { image, objects?, past? }, styles, active, codes; `send(state)` is told of every release. */
  constructor(air, data, send) {
    Object.assign(this, { air, data, send, selected: 0, cards: [], work: 0 });
    this.side = air.canvasSide;
    this.composition = new Composition(air, data.image);
    this.build();
    this.start();
  }

  start() {
    const { objects, past } = this.data;
    this.composition.past = past ?? [];
    this.composition.objects = objects ?? this.composition.askGuide();
    if (!objects && !this.composition.objects.length) this.status.textContent = "The guide finds no object here. Add one, or choose another scene.";
    this.rebuilt();
    this.landscape();
  }

  build() {
    this.view = new SceneView(this.side, "Your canvas", this.data.styles);
    this.view.element.classList.add("large");
    this.small = { target: pixels(this.side, "The target scene"), residual: pixels(this.side, "The target less your canvas: orange is missing, blue too much") };
    paint(this.small.target, this.data.image, grey);
    this.readouts = Object.fromEntries(["above", "likelihood", "prior"].map((name) => [name, h("output")]));
    this.cardList = h("div", { class: "cards" });
    this.status = h("p", { class: "quiet", role: "status" });
    this.element = h("div", { class: "compose" },
      h("div", { class: "left" }, this.view.element, this.toolbar(), this.status),
      h("div", { class: "middle" }, this.figure(this.small.target, "Target"), this.figure(this.small.residual, "Target − canvas"), this.readoutList()),
      h("div", { class: "right" }, this.adding(), this.cardList));
    this.listen();
  }

  figure(canvas, title) {
    return h("figure", {}, canvas, h("figcaption", {}, title));
  }

  readoutList() {
    const { above, likelihood, prior } = this.readouts;
    return h("dl", { class: "readouts", "aria-live": "off" },
      h("dt", { title: "log p(x | z) less that of an empty canvas: what your objects explain" }, "above blank"), h("dd", {}, above),
      h("dt", { title: "Log density of the target given your canvas" }, "log p(x | z)"), h("dd", {}, likelihood),
      h("dt", { title: "Log density of your objects under the prior: how many, where, what" }, "log p(z, n)"), h("dd", {}, prior));
  }

  toolbar() {
    const button = (text, title, onclick) => h("button", { title, onclick }, text);
    this.landscapeOn = h("input", { type: "checkbox", checked: true, onchange: () => this.landscape() });
    return h("div", { class: "toolbar" },
      button("Ask the guide", "Back to what the guide found", () => this.change(() => (this.composition.objects = this.composition.askGuide()))),
      button("Posterior cloud", `${SAMPLES} samples of the guide as thin boxes`, () => this.cloud()),
      button("Undo", "Ctrl-Z", () => this.undo()),
      h("label", { title: "log p(x | z) over the place of the chosen object" }, this.landscapeOn, " Landscape"));
  }

  adding() {
    const options = [h("option", { value: "prior" }, "from the prior")];
    this.composition.askGuide().forEach((_, t) => options.push(h("option", { value: `scene-${t}` }, `the scene's ${this.view.style(t).name}`)));
    Object.keys(this.data.codes ?? {}).forEach((digit) => options.push(h("option", { value: `digit-${digit}` }, `a mean ${digit}`)));
    this.source = h("select", { "aria-label": "What to add" }, ...options);
    this.addButton = h("button", { onclick: () => this.add() }, "Add object");
    return h("div", { class: "toolbar" }, this.source, this.addButton);
  }

  /** A new object of the chosen kind. */
  newObject() {
    const [kind, which] = this.source.value.split("-"), { where_mean: mean, where_sd: sd } = this.air.config;
    if (kind === "scene") return this.composition.askGuide()[Number(which)];
    if (kind === "digit") return { zWhere: [...mean], zWhat: Float64Array.from(this.data.codes[which]) };
    const [{ where, what }] = this.air.noise(this.composition.random);
    return { zWhere: [...where].map((value, k) => (k ? mean[k] + sd[k] * value : Math.max(MIN_SCALE, mean[0] + sd[0] * value))), zWhat: what };
  }

  add() {
    this.selected = this.composition.objects.length;
    this.change(() => this.composition.objects.push(this.newObject()));
    this.view.boxes.lastElementChild?.focus();
  }

  remove(t) {
    this.change(() => this.composition.objects.splice(t, 1));
    const focused = this.element.getRootNode().activeElement;
    if (!this.element.contains(focused)) (this.view.boxes.children[this.selected] ?? this.addButton).focus();
  }

  /** One whole gesture: something that can be undone. */
  change(act) {
    this.held = null; // a drag ends where it is
    this.begin();
    act();
    this.rebuilt();
    this.end();
  }

  undo() {
    this.held = null;
    if (!this.composition.undo()) return void (this.status.textContent = "Nothing to undo.");
    this.rebuilt();
    this.end();
  }

  begin() {
    this.composition.remember();
    this.stopWork();
    this.status.textContent = "";
  }

  end() {
    this.landscape();
    const { canvas, ...numbers } = this.composition.judged();
    const plain = (objects) => objects.map(({ zWhere, zWhat }) => ({ zWhere: [...zWhere], zWhat: [...zWhat] }));
    const { objects, past } = this.composition;
    this.send({ objects: plain(objects), before: past.length ? plain(past[past.length - 1]) : null, ...numbers });
  }

  /** After objects came or went: as many cards as objects. */
  rebuilt() {
    const { objects } = this.composition, focused = this.view.boxes.contains(this.element.getRootNode().activeElement);
    this.selected = Math.max(0, Math.min(this.selected, objects.length - 1));
    while (this.cards.length > objects.length) this.cards.pop().element.remove();
    while (this.cards.length < objects.length) {
      this.cards.push(this.card(this.cards.length));
      this.cardList.append(this.cards[this.cards.length - 1].element);
    }
    const full = objects.length >= this.air.config.max_steps;
    this.addButton.disabled = full;
    this.addButton.title = full ? `AIR's prior has at most ${this.air.config.max_steps} objects` : "Add it in the middle, or where it was";
    this.draw();
    if (focused) this.view.boxes.children[this.selected]?.focus(); // the box that had it may be gone
  }

  card(t) {
    return new ObjectCard(t, this.view.style(t), this.data.active, {
      begin: () => {
        this.selected = t;
        this.begin();
      },
      end: () => this.end(),
      where: (k, value) => {
        this.composition.objects[t].zWhere[k] = value;
        this.draw();
      },
      what: (pairs) => {
        const object = this.composition.objects[t], zWhat = Float64Array.from(object.zWhat);
        for (const [k, value] of pairs) zWhat[k] = value;
        object.zWhat = zWhat; // a new array: the painted window belongs to the old one
        this.draw();
      },
      remove: () => this.remove(t),
    });
  }

  /** Everything that follows the hand: picture, boxes, sliders, densities. */
  draw() {
    const { objects } = this.composition, { canvas, logLikelihood, above, logPrior } = this.composition.judged();
    this.view.paint(canvas);
    this.view.holdable(objects.map((object) => object.zWhere), this.selected);
    paint(this.small.residual, canvas.map((value, i) => this.data.image[i] - value), signed);
    this.cards.forEach((card, t) => card.show(objects[t], pixelBox(objects[t].zWhere, this.side), t === this.selected));
    this.readouts.above.textContent = `${nats(above, true)} nats`;
    this.readouts.likelihood.textContent = `${nats(logLikelihood)} nats`;
    this.readouts.prior.textContent = `${nats(logPrior)} nats`;
  }

  listen() {
    const svg = this.view.svg;
    svg.addEventListener("pointerdown", (event) => this.takeHold(event));
    svg.addEventListener("pointermove", (event) => this.held?.id === event.pointerId && this.drag(event));
    const release = (event) => {
      const { held } = this;
      if (held?.id !== event.pointerId) return;
      this.held = null;
      if (held?.moved) this.end();
      else if (held) this.landscape(); // of the one just chosen
    };
    svg.addEventListener("pointerup", release);
    svg.addEventListener("pointercancel", release);
    svg.addEventListener("focusin", (event) => this.select(event.target.closest("[data-object]")));
    svg.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("keydown", (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !event.shiftKey) {
        event.preventDefault();
        this.undo();
      }
    });
  }

  select(group) {
    if (!group) return;
    const changed = this.selected !== Number(group.dataset.object);
    this.selected = Number(group.dataset.object);
    this.draw();
    if (changed && !this.held) this.landscape();
  }

  takeHold(event) {
    const group = event.target.closest("[data-object]");
    if (!group || event.button || this.held) return;
    event.preventDefault();
    this.view.svg.setPointerCapture(event.pointerId);
    const t = Number(group.dataset.object), box = pixelBox(this.composition.objects[t].zWhere, this.side);
    this.held = { id: event.pointerId, t, box, from: this.view.pixelOf(event), corner: event.target.classList.contains("corner"), moved: false };
    group.focus();
    this.select(group);
  }

  drag(event) {
    const { t, box, from, corner } = this.held, [x, y] = this.view.pixelOf(event);
    const dx = x - from[0], dy = y - from[1];
    if (!this.held.moved && Math.hypot(dx, dy) < 0.25) return; // a tap
    if (!this.held.moved) this.begin();
    this.held.moved = true;
    const side = corner ? Math.max(2, Math.min(box.side + Math.max(dx, dy), this.side / MIN_SCALE)) : box.side;
    const moved = corner ? { ...box, side } : { ...box, x: box.x + dx, y: box.y + dy };
    this.composition.objects[t].zWhere = whereOfBox(moved, this.side);
    this.draw();
  }

  key(event) {
    const group = event.target.closest("[data-object]");
    if (!group) return;
    const t = Number(group.dataset.object), step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") this.remove(t);
    else if (step) this.nudge(t, step, event);
    else return;
    event.preventDefault();
  }

  /** Arrow keys: half a pixel; with Shift the side grows or shrinks by one, the centre stays. */
  nudge(t, [dx, dy], { shiftKey: resize, repeat }) {
    const box = pixelBox(this.composition.objects[t].zWhere, this.side), grow = resize ? dx - dy : 0;
    const side = Math.max(2, Math.min(box.side + grow, this.side / MIN_SCALE)), added = (side - box.side) / 2;
    const moved = resize ? { x: box.x - added, y: box.y - added, side } : { x: box.x + dx / 2, y: box.y + dy / 2, side };
    if (!repeat) this.begin(); // a key held down is one gesture
    this.composition.objects[t].zWhere = whereOfBox(moved, this.side);
    this.draw();
    clearTimeout(this.nudged);
    this.nudged = setTimeout(() => this.end(), NUDGED_MS);
  }

  /** Do `steps` (a generator) in slices between frames, until done or something else begins. */
  workOn(steps, done = () => {}) {
    const turn = ++this.work;
    const slice = () => {
      const until = performance.now() + SLICE_MS;
      do {
        if (turn !== this.work) return;
        if (steps.next().done) return done();
      } while (performance.now() < until);
      setTimeout(slice);
    };
    setTimeout(slice);
  }

  stopWork() {
    this.work++;
    this.view.showGlow(null);
    this.view.clearThin();
  }

  /** A coarse map of log p(x | z) over the place of the chosen object. */
  landscape() {
    this.stopWork();
    const object = this.composition.objects[this.selected];
    if (!object || !this.landscapeOn.checked) return;
    const values = [], rows = this.composition.landscape(object, PLACES);
    const collect = (function* () {
      for (const row of rows) yield values.push(...row);
    })();
    this.workOn(collect, () => {
      const low = Math.min(...values), span = Math.max(...values) - low || 1;
      this.view.showGlow(values.map((value) => (value - low) / span));
    });
  }

  /** Samples of the guide, one after the other. */
  cloud() {
    this.stopWork();
    this.status.textContent = `Drawing ${SAMPLES} samples …`;
    const counts = {}, draw = function* () {
      for (let k = 0; k < SAMPLES; k++) {
        const found = this.composition.sample();
        found.forEach((zWhere, t) => this.view.addThin(t, zWhere));
        counts[found.length] = (counts[found.length] ?? 0) + 1;
        yield;
      }
    };
    this.workOn(draw.call(this), () => {
      const told = Object.entries(counts).map(([n, times]) => `${times} with ${n}`).join(", ");
      this.status.textContent = `${SAMPLES} samples of the guide by number of objects: ${told}.`;
    });
  }
}
