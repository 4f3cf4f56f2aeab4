/* The networks, as in networks.py: each one box of the paper's figure 3. */

import { ACTIVATIONS, argmax, product, products, rowsOf, sigmoid, softplus } from "./tensors.js";

const MIN_SD = 1e-3;

/** Standard deviations above MIN_SD from any numbers. */
export const positiveSd = (raw) => raw.map((x) => softplus(x) + MIN_SD);

/** The x with softplus(x) = value > 0. */
const inverseSoftplus = (value) => Math.log(Math.expm1(value));

/** Linear layers with a non-linearity between them: (n_in) -> (n_out). */
export class MLP {
  constructor(weights, activation) {
    this.activation = ACTIVATIONS[activation];
    this.layers = [];
    for (let i = 0; weights.has(`${i}.weight`); i += 2) this.layers.push(new Linear(weights.under(i)));
  }

  forward(x) {
    this.layers.forEach((layer, i) => {
      x = layer.forward(i ? this.activation(x) : x);
    });
    return x;
  }
}

class Linear {
  constructor(weights) {
    this.weight = weights.get("weight");
    this.bias = weights.has("bias") ? weights.get("bias") : null;
  }

  forward(x) {
    return product(x, this.weight, this.bias);
  }
}

/** Paints a window (W W) in (0, 1) from z_what (D). */
export class Decoder {
  constructor(weights, config) {
    this.layers = new MLP(weights.under("layers"), config.activation);
    this.bias = config.decoder_bias;
  }

  forward(zWhat) {
    return this.layers.forward(zWhat).map((logit) => sigmoid(logit + this.bias));
  }
}

/** Mean and sd of a Normal over n numbers: (n_in) -> { mean, sd } of (n). */
export class NormalHead {
  constructor(weights, activation) {
    this.layers = new MLP(weights.under("layers"), activation);
  }

  forward(features) {
    const both = this.layers.forward(features), n = both.length / 2;
    return { mean: both.subarray(0, n), sd: positiveSd(both.subarray(n)) };
  }
}

/** From h: the logit of z_pres, the mean of z_where relative to the prior's, and its raw sd. */
export class Predictor {
  constructor(weights, config) {
    this.layers = new MLP(weights.under("layers"), config.activation);
    this.logitBias = config.z_pres_bias;
    this.rawSdBias = inverseSoftplus(config.where_sd_start);
  }

  forward(h) {
    const out = this.layers.forward(h);
    return {
      logit: out[0] + this.logitBias,
      mean: out.subarray(1, 4),
      rawSd: out.subarray(4, 7).map((x) => x + this.rawSdBias),
    };
  }
}

/** An LSTM cell whose share of the scene, `readScene`, is computed once and added at each step. */
export class SceneLSTM {
  constructor(weights) {
    this.scene = new Linear(weights.under("scene"));
    this.inputs = new Linear(weights.under("step"));
    this.start = { h: weights.get("h_start"), c: weights.get("c_start") };
  }

  readScene(scene) {
    return this.scene.forward(scene);
  }

  forward(sceneGates, inputs, state) {
    const gates = this.inputs.forward(inputs), n = state.c.length;
    for (let k = 0; k < gates.length; k++) gates[k] += sceneGates[k];
    const h = new Float64Array(n), c = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      const input = sigmoid(gates[k]), forget = sigmoid(gates[n + k]);
      c[k] = forget * state.c[k] + input * Math.tanh(gates[2 * n + k]);
      h[k] = sigmoid(gates[3 * n + k]) * Math.tanh(c[k]);
    }
    return { h, c };
  }
}

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
class Convolutions {
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

/** Two strided convolutions and a linear layer: (S S) -> (E). */
export class ConvolutionalEmbedding {
  constructor(weights, config, canvasSide) {
    this.map = new Convolutions(weights.under("layers"), config.activation, [[2, 0], [2, 0]]);
    this.last = new Linear(weights.under("layers.5"));
    this.activation = ACTIVATIONS[config.activation];
    this.side = canvasSide;
  }

  forward(image) {
    const map = this.map.forward(image, this.side), places = this.map.sideAfter(this.side) ** 2;
    const channels = map.length / places;
    const flat = map.map((_, i) => map[(i % places) * channels + Math.floor(i / places)]);
    return this.activation(this.last.forward(flat));
  }
}

/** One linear layer and a non-linearity over the pixels: (S S) -> (E). */
export class LinearEmbedding {
  constructor(weights, config) {
    this.layer = new Linear(weights.under("layers.1"));
    this.activation = ACTIVATIONS[config.activation];
  }

  forward(image) {
    return this.activation(this.layer.forward(image));
  }
}

/** The raw pixels. */
export class NoEmbedding {
  forward(image) {
    return image;
  }
}

export const EMBEDDINGS = {
  convolutional: ConvolutionalEmbedding,
  linear: LinearEmbedding,
  none: NoEmbedding,
};

/** A map of pictures, and what it shows at its most salient place. */
export class Attention {
  static REACH = 1;

  constructor(weights, config, canvasSide) {
    const layers = config.map_channels.map((_, i) => [i < 2 ? 2 : 1, i ? 1 : 2]);
    this.map = new Convolutions(weights.under("map"), config.activation, layers);
    const salience = weights.under("salience"), last = config.map_channels[layers.length - 1];
    this.salience = { weight: rowsOf(salience.get("weight"), last), bias: salience.get("bias") };
    this.canvasSide = canvasSide;
    this.side = this.map.sideAfter(canvasSide);
    this.apart = 2 ** Math.min(layers.length, 2); // pixels between places
  }

  /** Where the n-th place along an axis is, in [-1, 1]; rounded as torch keeps it. */
  coordinate(n) {
    return Math.fround(Math.fround((2 * this.apart * n + 1) / this.canvasSide) - 1);
  }

  /** Pictures side by side (S S, C) -> { seen (E), place (2), salience (P) }. */
  forward(pictures) {
    const features = this.map.forward(pictures, this.canvasSide), n = this.side;
    const channels = features.length / (n * n);
    const salience = products(features, this.salience.weight, this.salience.bias, channels);
    const peak = argmax(salience), row = Math.floor(peak / n), column = peak % n;
    const description = new Float64Array(channels + 2); // the features, then the place
    let total = 0;
    for (let y = Math.max(row - Attention.REACH, 0); y <= Math.min(row + Attention.REACH, n - 1); y++) {
      for (let x = Math.max(column - Attention.REACH, 0); x <= Math.min(column + Attention.REACH, n - 1); x++) {
        const at = y * n + x, weight = Math.exp(salience[at] - salience[peak]);
        for (let k = 0; k < channels; k++) description[k] += weight * features[at * channels + k];
        description[channels] += weight * this.coordinate(x);
        description[channels + 1] += weight * this.coordinate(y);
        total += weight;
      }
    }
    const seen = Float64Array.from(description, (value) => value / total);
    return { seen, place: seen.subarray(channels), salience };
  }
}
