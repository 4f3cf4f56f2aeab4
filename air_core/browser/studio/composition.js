/* What a person composes: objects, a target, how well they explain it, and the way back. */

import { MIN_SCALE } from "../engine/spatial_transformer.js";
import { seeded } from "../engine/tensors.js";

/** Objects { zWhere, zWhat } on a canvas, and undo. */
export class Composition {
  static LONGEST = 100; // states that can be undone

  constructor(air, target) {
    Object.assign(this, { air, target, objects: [], past: [], random: seeded(0) });
    this.windows = new WeakMap(); // of each z_what, so that a drag decodes nothing
    this.blank = air.model.logLikelihood(target, new Float64Array(target.length));
  }

  /** Begin something that can be undone: call before the first change of a gesture. */
  remember() {
    this.past.push(this.snapshot());
    if (this.past.length > Composition.LONGEST) this.past.shift();
  }

  /** Back to the last remembered state; whether there was one. */
  undo() {
    const last = this.past.pop();
    if (last) this.objects = last;
    return Boolean(last);
  }

  snapshot() {
    return this.objects.map(({ zWhere, zWhat }) => ({ zWhere: [...zWhere], zWhat }));
  }

  window(object) {
    if (!this.windows.has(object.zWhat)) this.windows.set(object.zWhat, this.air.model.decode(object.zWhat));
    return this.windows.get(object.zWhat);
  }

  placed(object, zWhere = object.zWhere) {
    return this.air.model.place(this.window(object), zWhere);
  }

  /** The objects added up (S S); without the one at `left out`. */
  canvas(leftOut = null) {
    const sum = new Float64Array(this.target.length);
    for (const object of this.objects) {
      if (object === leftOut) continue;
      const placed = this.placed(object);
      for (let i = 0; i < sum.length; i++) sum[i] += placed[i];
    }
    return sum;
  }

  /** The canvas and its densities in nats: log p(x | z), the same above blank, log p(z, n). */
  judged() {
    const canvas = this.canvas(), logLikelihood = this.air.model.logLikelihood(this.target, canvas);
    return { canvas, logLikelihood, above: logLikelihood - this.blank, logPrior: this.air.model.logPrior(this.objects) };
  }

  /** The answer of the guide, as objects. */
  askGuide() {
    const found = this.air.explain(this.target);
    return found.steps.slice(0, found.count).map(({ zWhere: [s, x, y], zWhat }) => (
      { zWhere: [Math.max(MIN_SCALE, s), x, y], zWhat }));
  }

  /** z_where of the objects of one draw of z and n from the guide. */
  sample() {
    const found = this.air.explain(this.target, this.air.noise(this.random));
    const absent = found.steps.findIndex((step) => this.random() >= step.pPres);
    return found.steps.slice(0, absent < 0 ? undefined : absent).map((step) => step.zWhere);
  }

  /** log p(x | z) for an object's centre at each of n x n places: yields rows as they are done. */
  *landscape(object, n) {
    const rest = this.canvas(object), side = this.air.canvasSide, [s] = object.zWhere, canvas = new Float64Array(rest.length);
    for (let row = 0; row < n; row++) {
      const values = [];
      for (let column = 0; column < n; column++) {
        const u = (2 * column + 1) / n - 1, v = (2 * row + 1) / n - 1;
        const placed = this.placed(object, [s, -s * u, -s * v]);
        for (let i = 0; i < side * side; i++) canvas[i] = rest[i] + placed[i];
        values.push(this.air.model.logLikelihood(this.target, canvas));
      }
      yield values;
    }
  }
}
