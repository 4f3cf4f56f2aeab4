/* The guides q(z | x), as in guide.py. A step says whether there is one more object, where it
 * is and what it looks like; here every object is drawn as if it were there. */

import { Attention, EMBEDDINGS, MLP, NormalHead, Predictor, SceneLSTM, positiveSd } from "./networks.js";
import { centredAt, crop } from "./spatial_transformer.js";
import { concatenate } from "./tensors.js";

const sum = (x, y) => x.map((value, i) => value + y[i]);

class Guide {
  constructor(weights, config, canvasSide) {
    Object.assign(this, { config, canvasSide });
    this.embedding = this.makeEmbedding(weights.under("embedding"));
    this.rnn = new SceneLSTM(weights.under("rnn"));
    this.predictor = new Predictor(weights.under("predictor"), config);
    this.zWhereStart = weights.get("z_where_start");
    this.zWhatStart = weights.get("z_what_start");
    this.makeHeads(weights);
  }

  makeEmbedding(weights) {
    return new EMBEDDINGS[this.config.embedding](weights, this.config, this.canvasSide);
  }

  /** What the step before hands to the first step. */
  start() {
    return {
      rnn: this.rnn.start,
      zWhere: this.zWhereStart,
      zWhat: this.zWhatStart,
      canvas: new Float64Array(this.canvasSide ** 2),
    };
  }

  /** The scene's embedding, and the place attended to: here the middle. */
  read(image) {
    return { seen: this.embedding.forward(image), place: [0, 0] };
  }

  /** What a step begins with: what it reads of the scene (once is enough), what it remembers. */
  before(image, seen, last) {
    return [seen ?? this.see(image, last), last];
  }

  see(image, last) {
    const { seen, place, salience } = this.read(image, last.canvas);
    return { gates: this.rnn.readScene(seen), place, salience };
  }

  inferZWhere(image, canvas, mean, rawSd) {
    return { mean, sd: positiveSd(rawSd) };
  }

  /** One turn of figure 3's recurrence, with noise { where (3), what (D) } of a standard Normal.
   *
   * Returns what it saw and the step: logit of z_pres, means and sds, z and the state. */
  step(image, before, remembered, noise) {
    const [seen, last] = this.before(image, before, remembered);
    const rnn = this.rnn.forward(
      seen.gates, concatenate([1], last.zWhere, last.zWhat, last.rnn.h), last.rnn);
    const { logit, mean, rawSd } = this.predictor.forward(rnn.h);
    const firstGuess = centredAt(sum(mean, this.config.where_mean), seen.place);
    const where = this.inferZWhere(image, last.canvas, firstGuess, rawSd);
    const zWhere = drawn(where, noise.where);
    const what = this.inferZWhat(image, last.canvas, rnn.h, zWhere);
    return [seen, { logit, where, what, zWhere, zWhat: drawn(what, noise.what), rnn, salience: seen.salience }];
  }
}

/** mean + sd * noise. */
const drawn = ({ mean, sd }, noise) => mean.map((value, i) => value + sd[i] * noise[i]);

/** Infers z_what from the recurrent state. */
class BasicGuide extends Guide {
  makeHeads(weights) {
    this.encoder = new NormalHead(weights.under("encoder"), this.config.activation);
  }

  inferZWhat(image, canvas, h) {
    return this.encoder.forward(h);
  }
}

/** Infers z_what from the crop that z_where points at. */
class WindowedGuide extends BasicGuide {
  inferZWhat(image, canvas, h, zWhere) {
    return this.encoder.forward(crop(image, this.canvasSide, zWhere, this.config.window_side));
  }
}

/** Looks twice, and knows what it has painted. */
class GlimpseGuide extends BasicGuide {
  static WIDER = 1.5;

  makeHeads(weights) {
    super.makeHeads(weights);
    this.glimpse = new MLP(weights.under("glimpse"), this.config.activation);
  }

  /** Scene and canvas cropped at z_where, one after the other: (2 W W). */
  look(image, canvas, zWhere) {
    const through = (picture) => crop(picture, this.canvasSide, zWhere, this.config.window_side);
    return concatenate(through(image), through(canvas));
  }

  inferZWhere(image, canvas, mean, rawSd) {
    const wider = mean.map((value) => value / GlimpseGuide.WIDER);
    const change = this.glimpse.forward(this.look(image, canvas, wider));
    return { mean: sum(mean, change.subarray(0, 3)), sd: positiveSd(sum(rawSd, change.subarray(3))) };
  }

  inferZWhat(image, canvas, h, zWhere) {
    return this.encoder.forward(this.look(image, canvas, zWhere));
  }
}

/** Searches the scene, at every step anew, for the next object. */
class AttentiveGuide extends GlimpseGuide {
  makeEmbedding(weights) {
    return new Attention(weights, this.config, this.canvasSide);
  }

  read(image, canvas) {
    const pictures = new Float64Array(2 * image.length);
    for (let i = 0; i < image.length; i++) {
      pictures[2 * i] = image[i];
      pictures[2 * i + 1] = image[i] - canvas[i];
    }
    return this.embedding.forward(pictures);
  }

  before(image, seen, last) {
    return [this.see(image, last), last];
  }
}

/** Counts by what is left over and remembers nothing else. */
class DifferenceGuide extends AttentiveGuide {
  before(image, seen, last) {
    return [this.see(image, last), { ...this.start(), canvas: last.canvas }];
  }
}

export const GUIDES = {
  attentive: AttentiveGuide,
  difference: DifferenceGuide,
  glimpse: GlimpseGuide,
  windowed: WindowedGuide,
  basic: BasicGuide,
};
