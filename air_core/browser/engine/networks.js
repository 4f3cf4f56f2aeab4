/* The networks, as in networks.py: each one box of the paper's figure 3. */

import { Convolutions } from "./convolutions.js";
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
