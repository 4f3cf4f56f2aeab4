/* Products and non-linearities over flat arrays of numbers: all that the networks are made of.
 *
 * A matrix is a flat array, row after row. Sums are made in double precision, which is
 * what JavaScript computes in; what is kept between layers is rounded to float32, as in torch.
 */

/** x (rows, n) times weight (m, n) transposed, plus bias (m) if given: a new array (rows, m). */
export function product(x, weight, bias, n) {
  const rows = x.length / n;
  const m = weight.length / n;
  const y = new Float64Array(rows * m);
  if (bias) for (let r = 0; r < rows; r++) y.set(bias, r * m);
  let r = 0;
  for (; r + 1 < rows; r += 2) twoRows(x, r, weight, n, y, m);
  if (r < rows) oneRow(x, r, weight, n, y, m);
  return y;
}

// Four rows of the weights at once: each number of x is then read once for four products, which is
// what the time goes into.
function oneRow(x, r, weight, n, y, m) {
  let j = 0;
  for (; j + 3 < m; j += 4) {
    let a = 0, b = 0, c = 0, d = 0;
    const w0 = j * n, w1 = w0 + n, w2 = w1 + n, w3 = w2 + n, from = r * n;
    for (let k = 0; k < n; k++) {
      const v = x[from + k];
      a += v * weight[w0 + k];
      b += v * weight[w1 + k];
      c += v * weight[w2 + k];
      d += v * weight[w3 + k];
    }
    const to = r * m + j;
    y[to] += a;
    y[to + 1] += b;
    y[to + 2] += c;
    y[to + 3] += d;
  }
  for (; j < m; j++) {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += x[r * n + k] * weight[j * n + k];
    y[r * m + j] += sum;
  }
}

function twoRows(x, r, weight, n, y, m) {
  const from = r * n, next = from + n;
  let j = 0;
  for (; j + 3 < m; j += 4) {
    let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    const w0 = j * n, w1 = w0 + n, w2 = w1 + n, w3 = w2 + n;
    for (let k = 0; k < n; k++) {
      const u = x[from + k], v = x[next + k];
      const p = weight[w0 + k], q = weight[w1 + k], s = weight[w2 + k], t = weight[w3 + k];
      a += u * p; b += u * q; c += u * s; d += u * t;
      e += v * p; f += v * q; g += v * s; h += v * t;
    }
    const to = r * m + j, under = to + m;
    y[to] += a; y[to + 1] += b; y[to + 2] += c; y[to + 3] += d;
    y[under] += e; y[under + 1] += f; y[under + 2] += g; y[under + 3] += h;
  }
  for (; j < m; j++) {
    let a = 0, e = 0;
    for (let k = 0; k < n; k++) {
      a += x[from + k] * weight[j * n + k];
      e += x[next + k] * weight[j * n + k];
    }
    y[r * m + j] += a;
    y[(r + 1) * m + j] += e;
  }
}

/** One array after the other, in one. */
export function concatenate(...parts) {
  const whole = new Float64Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** log(1 + exp(x)), without overflow. */
export const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** The non-linearities by the name that a config gives them; they change the array in place. */
export const ACTIVATIONS = {
  relu(x) {
    for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] = 0;
    return x;
  },
  silu(x) {
    for (let i = 0; i < x.length; i++) x[i] /= 1 + Math.exp(-x[i]);
    return x;
  },
};

/** The place of the greatest number; the first, if there are several. */
export function argmax(x) {
  let best = 0;
  for (let i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
  return best;
}

/** log of the density of Normal(mean, sd), summed over all numbers of x. */
export function normalLogProb(x, mean, sd) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    const off = (x[i] - mean[i]) / sd[i];
    sum -= 0.5 * off * off + Math.log(sd[i]) + HALF_LOG_2PI;
  }
  return sum;
}

export const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);
