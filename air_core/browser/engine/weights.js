/* The weights of a run as they come from Python: `air_core.browser.export_weights`.
 *
 * The file is one block: the header's length in bytes (uint32, little endian), the header (JSON,
 * padded to a multiple of 4 with spaces), and all numbers (float32, little endian). The header holds
 * the run's `config` and for each tensor its `shape` and `offset` in numbers.
 */

/** Named tensors of a network; `under(prefix)` is a part of them with shorter names. */
export class Weights {
  constructor(tensors, prefix = "") {
    this.tensors = tensors;
    this.prefix = prefix;
  }

  under(name) {
    return new Weights(this.tensors, `${this.prefix}${name}.`);
  }

  has(name) {
    return this.prefix + name in this.tensors;
  }

  /** The numbers of a tensor, flat. */
  get(name) {
    return this.tensor(name).data;
  }

  /** The lengths of a tensor's axes. */
  shape(name) {
    return this.tensor(name).shape;
  }

  tensor(name) {
    if (!this.has(name)) throw new Error(`the weights hold no ${this.prefix}${name}`);
    return this.tensors[this.prefix + name];
  }
}

/** Header and weights of an exported file (ArrayBuffer); throws if it is not one. */
export function readWeights(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  if (length % 4 || 4 + length > buffer.byteLength) throw new Error("this is no file of weights");
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const tensors = {};
  for (const [name, { shape, offset }] of Object.entries(header.tensors)) {
    const size = shape.reduce((n, axis) => n * axis, 1);
    tensors[name] = { shape, data: new Float32Array(buffer, 4 + length + 4 * offset, size) };
  }
  return { header, weights: new Weights(tensors) };
}
