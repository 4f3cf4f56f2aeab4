/* Products and non-linearities over flat arrays of numbers: all that the networks are made of.
 *
 * A matrix is a flat array, row after row. Sums are made in double precision, which is
 * what JavaScript computes in; what is kept between layers is rounded to float32, as in torch.
 */

/** x (n) times weight (m, n) transposed, plus bias (m) if given: a new array (m). */
export function product(x, weight, bias) {
  const n = x.length, m = weight.length / n, eight = m - (m % 8);
  const y = new Float64Array(m);
  if (bias) y.set(bias);
  for (let j = 0; j < eight; j += 8) oneByEight(x, weight, j * n, n, y, j);
  for (let j = eight; j < m; j++) y[j] += dot(x, 0, weight, j * n, n);
  return y;
}

/** x (rows, n) times weight, its m rows (n) each by itself, plus bias (m): a new array (rows, m). */
export function products(x, weight, bias, n) {
  const m = weight.length, rows = x.length / n, two = rows - (rows % 2), four = m - (m % 4);
  const y = new Float64Array(rows * m);
  for (let r = 0; r < rows; r++) y.set(bias, r * m);
  for (let r = 0; r < two; r += 2) {
    const u = x.subarray(r * n, (r + 1) * n), v = x.subarray((r + 1) * n, (r + 2) * n);
    for (let j = 0; j < four; j += 4) {
      twoByFour(u, v, weight[j], weight[j + 1], weight[j + 2], weight[j + 3], n, y, r * m + j, m);
    }
  }
  for (let r = 0; r < rows; r++) {
    for (let j = r < two ? four : 0; j < m; j++) y[r * m + j] += dot(x, r * n, weight[j], 0, n);
  }
  return y;
}

/** The rows (n) of a matrix, as `products` takes them. */
export const rowsOf = (matrix, n) =>
  Array.from({ length: matrix.length / n }, (_, row) => matrix.subarray(row * n, (row + 1) * n));

function dot(x, at, weight, w, n) {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += x[at + k] * weight[w + k];
  return sum;
}

// Eight sums at once: each number is then read once for several products, and the sums do not wait
// for each other. That is what the time goes into.
function oneByEight(x, weight, w0, n, y, to) {
  let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
  const w1 = w0 + n, w2 = w1 + n, w3 = w2 + n, w4 = w3 + n, w5 = w4 + n, w6 = w5 + n, w7 = w6 + n;
  for (let k = 0; k < n; k++) {
    const v = x[k];
    a += v * weight[w0 + k]; b += v * weight[w1 + k]; c += v * weight[w2 + k]; d += v * weight[w3 + k];
    e += v * weight[w4 + k]; f += v * weight[w5 + k]; g += v * weight[w6 + k]; h += v * weight[w7 + k];
  }
  y[to] += a; y[to + 1] += b; y[to + 2] += c; y[to + 3] += d;
  y[to + 4] += e; y[to + 5] += f; y[to + 6] += g; y[to + 7] += h;
}

function twoByFour(u, v, p, q, s, t, n, y, to, m) {
  let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
  for (let k = 0; k < n; k++) {
    const first = u[k], second = v[k], w = p[k], x = q[k], z = s[k], o = t[k];
    a += first * w; b += first * x; c += first * z; d += first * o;
    e += second * w; f += second * x; g += second * z; h += second * o;
  }
  const under = to + m;
  y[to] += a; y[to + 1] += b; y[to + 2] += c; y[to + 3] += d;
  y[under] += e; y[under + 1] += f; y[under + 2] += g; y[under + 3] += h;
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

/** Uniform random numbers in (0, 1) that follow from a seed: xorshift32 (Marsaglia 2003). */
export function seeded(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
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
