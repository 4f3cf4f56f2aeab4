/* AIR: the model and its guide, and what they say about a scene; as air.py, explain.py and
 * estimators/count_enumeration.py. */

import { GUIDES } from "./guide.js";
import { Model } from "./model.js";
import { logCount } from "./priors.js";
import { crop, pixelBox } from "./spatial_transformer.js";
import { argmax, normalLogProb, sigmoid, softplus } from "./tensors.js";
import { readWeights } from "./weights.js";

export class AIR {
  /** From an exported file (ArrayBuffer); throws if its config names what is unknown here. */
  constructor(buffer) {
    const { header, weights } = readWeights(buffer);
    const { model, scene } = header.config;
    const rounded = (numbers) => Float32Array.from(numbers); // as torch keeps them
    const config = { ...model, where_mean: rounded(model.where_mean), where_sd: rounded(model.where_sd) };
    config.likelihood_sd = Math.fround(model.likelihood_sd);
    if (!(config.guide in GUIDES)) throw new Error(`there is no ${config.guide} guide in the browser`);
    Object.assign(this, { header, config, canvasSide: scene.canvas_side });
    this.model = new Model(weights.under("model"), config, scene.canvas_side);
    this.guide = new GUIDES[config.guide](weights.under("guide"), config, scene.canvas_side);
  }

  /** Noise that draws every latent at its mean. */
  noNoise() {
    const zero = { where: new Float64Array(3), what: new Float64Array(this.config.z_what_size) };
    return Array(this.config.max_steps).fill(zero);
  }

  /** Standard Normal noise for one draw of all latents; `random` is uniform in [0, 1): `seeded`. */
  noise(random) {
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const draw = (n) => Float64Array.from({ length: n }, normal);
    return Array.from({ length: this.config.max_steps }, () => ({
      where: draw(3),
      what: draw(this.config.z_what_size),
    }));
  }

  /** What AIR finds in an image (S S) in [0, 1]: at the guide's means, or with the given noise.
   *
   * All T steps are kept; `count` says how many are meant. Densities are in nats. */
  explain(image, noise = this.noNoise()) {
    const steps = [], logLikelihood = [];
    let seen = null, last = this.guide.start(), canvas = last.canvas;
    logLikelihood.push(this.model.logLikelihood(image, canvas));
    for (let t = 0; t < this.config.max_steps; t++) {
      let step;
      [seen, step] = this.guide.step(image, seen, last, noise[t]);
      const window = this.model.decode(step.zWhat), object = this.model.place(window, step.zWhere);
      canvas = canvas.map((value, i) => value + object[i]);
      logLikelihood.push(this.model.logLikelihood(image, canvas));
      steps.push({ ...step, pPres: sigmoid(step.logit), window, object, canvas, box: pixelBox(step.zWhere, this.canvasSide) });
      last = { ...step, canvas };
    }
    return { image, steps, logLikelihood, ...this.counts(steps, logLikelihood) };
  }

  /** What the guide saw through the window of z_where: (W W). */
  crop(image, zWhere) {
    return crop(image, this.canvasSide, zWhere, this.config.window_side);
  }

  /** q(n), the most probable count, and the ELBO with its parts. */
  counts(steps, logLikelihood) {
    const logQ = logCount(steps.map((s) => -softplus(-s.logit)), steps.map((s) => -softplus(s.logit)));
    const ratios = (of) => steps.reduce((sums, s) => [...sums, sums[sums.length - 1] + of(s)], [0]);
    const { model } = this;
    const where = ratios((s) => normalLogProb(s.zWhere, s.where.mean, s.where.sd) - model.logPWhere(s.zWhere));
    const what = ratios((s) => normalLogProb(s.zWhat, s.what.mean, s.what.sd) - model.logPWhat(s.zWhat));
    const qCounts = logQ.map(Math.exp);
    const mean = (of) => qCounts.reduce((sum, q, n) => sum + q * of(n), 0);
    const parts = {
      logLikelihood: mean((n) => logLikelihood[n]),
      klPres: mean((n) => logQ[n] - model.logPCount[n]),
      klWhere: mean((n) => where[n]),
      klWhat: mean((n) => what[n]),
    };
    const elbo = parts.logLikelihood - parts.klPres - parts.klWhere - parts.klWhat;
    return { qCounts, count: argmax(qCounts), parts: { ...parts, elbo, blank: logLikelihood[0] } };
  }
}
