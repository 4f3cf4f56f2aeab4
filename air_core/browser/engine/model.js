/* The generative model p(x, z), as in model.py: n objects, each with a pose z_where and an
 * appearance z_what, painted by the decoder, placed and added up. */

import { Decoder } from "./networks.js";
import { PRIORS, logCount } from "./priors.js";
import { place } from "./spatial_transformer.js";
import { HALF_LOG_2PI, normalLogProb } from "./tensors.js";

export class Model {
  constructor(weights, config, canvasSide) {
    this.config = config;
    this.canvasSide = canvasSide;
    this.decoder = new Decoder(weights.under("decoder"), config);
    const continuation = PRIORS[config.prior](config.p_more, config.max_steps);
    this.logPCount = logCount(continuation.map(Math.log), continuation.map((c) => Math.log1p(-c)));
    this.standard = { mean: new Float64Array(config.z_what_size), sd: new Float64Array(config.z_what_size).fill(1) };
  }

  /** The window (W W) of z_what, in (0, 1). */
  decode(zWhat) {
    return this.decoder.forward(zWhat);
  }

  /** A window placed on a canvas of its own (S S). */
  place(window, zWhere) {
    return place(window, this.config.window_side, zWhere, this.canvasSide);
  }

  /** log p(x | canvas) in nats of an image (S S). */
  logLikelihood(image, canvas) {
    const sd = this.config.likelihood_sd;
    let energy = 0;
    for (let i = 0; i < image.length; i++) energy += (image[i] - canvas[i]) ** 2;
    return -0.5 * energy / sd ** 2 - image.length * (Math.log(sd) + HALF_LOG_2PI);
  }

  logPWhere(zWhere) {
    return normalLogProb(zWhere, this.config.where_mean, this.config.where_sd);
  }

  logPWhat(zWhat) {
    return normalLogProb(zWhat, this.standard.mean, this.standard.sd);
  }

  /** log p(z, n) of n objects { zWhere, zWhat }; minus infinity if they are more than T. */
  logPrior(objects) {
    if (objects.length > this.config.max_steps) return -Infinity;
    return objects.reduce(
      (sum, object) => sum + this.logPWhere(object.zWhere) + this.logPWhat(object.zWhat),
      this.logPCount[objects.length],
    );
  }
}
