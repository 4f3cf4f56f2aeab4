/* Convolutions over maps whose channels lie side by side, and what makes them quick enough for a frame. */

import { ACTIVATIONS, products, rowsOf } from "./tensors.js";

/** A convolution over maps whose channels lie side by side: (n n, C_in) -> (m m, C_out). */
class Convolution {
  constructor(weights, stride, padding) {
    const [nOut, nIn, kernel] = weights.shape("weight"), given = weights.get("weight");
    Object.assign(this, { nIn, kernel, stride, padding, bias: weights.get("bias") });
    const weight = new Float32Array(given.length); // (C_out, k, k, C_in), as the patches are
    for (let o = 0, k = 0; o < nOut; o++) {
      for (let place = 0; place < kernel * kernel; place++) {
        for (let i = 0; i < nIn; i++) weight[k++] = given[(o * nIn + i) * kernel * kernel + place];
      }
    }
    this.weight = rowsOf(weight, kernel ** 2 * nIn);
  }

  sideAfter(n) {
    return Math.floor((n + 2 * this.padding - this.kernel) / this.stride) + 1;
  }

  /** The whole map, or of `last`, the map before, what changed: a 0 or 1 for each place it is made of. */
  forward(map, n, activation, changed = null, last = null) {
    const m = this.sideAfter(n), nOut = this.bias.length;
    const places = changed ? this.reached(changed, n) : new Uint8Array(m * m).fill(1);
    const renewed = [];
    places.forEach((yes, place) => yes && renewed.push(place));
    const found = activation(products(this.patches(map, n, renewed), this.weight, this.bias, this.kernel ** 2 * this.nIn));
    if (renewed.length === m * m) return { map: found, changed: places };
    const whole = last.slice();
    renewed.forEach((place, i) => whole.set(found.subarray(i * nOut, (i + 1) * nOut), place * nOut));
    return { map: whole, changed: places };
  }

  /** The places (m m) whose patch holds a changed place (n n). */
  reached(changed, n) {
    const { kernel, stride, padding } = this, m = this.sideAfter(n), found = new Uint8Array(m * m);
    const first = (at) => Math.max(Math.ceil((at + padding - kernel + 1) / stride), 0);
    const last = (at) => Math.min(Math.floor((at + padding) / stride), m - 1);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        if (!changed[row * n + column]) continue;
        for (let y = first(row); y <= last(row); y++) {
          found.fill(1, y * m + first(column), y * m + last(column) + 1);
        }
      }
    }
    return found;
  }

  /** What the kernel sees at each of the given places, zeros outside of the map: (rows, k k C_in). */
  patches(map, n, places) {
    const { nIn, kernel, stride, padding } = this, m = this.sideAfter(n);
    const seen = new Float64Array(places.length * kernel * kernel * nIn);
    let to = 0;
    for (const place of places) {
      const left = (place % m) * stride - padding, first = Math.max(left, 0);
      const wide = (Math.min(left + kernel, n) - first) * nIn, top = Math.floor(place / m) * stride - padding;
      for (let y = top; y < top + kernel; y++, to += kernel * nIn) {
        if (y < 0 || y >= n) continue;
        const from = (y * n + first) * nIn, start = to + (first - left) * nIn;
        for (let i = 0; i < wide; i++) seen[start + i] = map[from + i];
      }
    }
    return seen;
  }
}

/** Convolutions with a non-linearity after each: (n n, C_in) -> (m m, C_out).
 *
 * From step to step and from frame to frame most of a picture stays as it was. So the last few
 * are remembered, and only what differs from the most similar one is computed anew; the
 * numbers are the same to the last digit. */
export class Convolutions {
  static MEMORIES = 4; // a step more than the shipped run has

  constructor(weights, activation, layers) {
    this.activation = ACTIVATIONS[activation];
    this.layers = layers.map(([stride, padding], i) => new Convolution(weights.under(2 * i), stride, padding));
    this.memories = []; // each the input and what every layer made of it, the newest first
  }

  sideAfter(n) {
    return this.layers.reduce((side, layer) => layer.sideAfter(side), n);
  }

  forward(input, n) {
    const { memory, changed: differs } = this.mostSimilar(input, n);
    const maps = [input];
    let changed = differs;
    this.layers.forEach((layer, i) => {
      const found = layer.forward(maps[i], n, this.activation, changed, memory?.[i + 1]);
      maps.push(found.map);
      changed = found.changed;
      n = layer.sideAfter(n);
    });
    this.memories = [maps, ...this.memories.slice(0, Convolutions.MEMORIES - 1)];
    return maps[maps.length - 1];
  }

  /** What is remembered of the picture that differs at the fewest places, and at which it does. */
  mostSimilar(input, n) {
    const channels = input.length / (n * n);
    let best = { memory: null, changed: null, count: Infinity };
    for (const memory of this.memories) {
      const changed = new Uint8Array(n * n), [before] = memory;
      let count = 0;
      for (let place = 0, i = 0; place < changed.length; place++) {
        let same = true;
        for (let k = 0; k < channels; k++, i++) same &&= input[i] === before[i];
        if (!same) count += changed[place] = 1;
      }
      if (count < best.count) best = { memory, changed, count };
    }
    return best;
  }
}
