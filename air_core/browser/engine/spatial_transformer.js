/* The spatial transformer, as in spatial_transformer.py: z_where = (s, x, y) maps image coordinates
 * u to window coordinates v = s u + (x, y), both in [-1, 1] across the whole side.
 *
 * Each row of the interpolation matrix A has at most two numbers that are not zero, so that
 * A_y . image . A_x^T costs two products a number and not a matrix product.
 */

/** Smallest s; smaller ones are raised to it. */
export const MIN_SCALE = 0.1;

const centre = (i, n) => (2 * i + 1) / n - 1;

/** Where n pixels of the result read a source of `side` pixels along one axis: for each the first of
 * two neighbours, and how much of each is taken; outside of the source nothing is. */
function hatWeights(n, side, coordinate) {
  const first = new Int32Array(n), low = new Float64Array(n), high = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const position = ((coordinate(i) + 1) * side - 1) / 2;
    const below = Math.floor(position), part = position - below;
    first[i] = Math.min(Math.max(below, 0), side - 1);
    if (below >= 0 && below < side) low[i] = 1 - part;
    if (below === -1) low[i] = part; // only the second neighbour, which is pixel 0, lies in the source
    else if (below >= 0 && below < side - 1) high[i] = part;
  }
  return { first, low, high };
}

function resample(image, side, n, xs, ys) {
  const narrow = new Float64Array(side * n); // every row of the image, read along x
  for (let row = 0; row < side; row++) {
    for (let i = 0; i < n; i++) {
      const at = row * side + xs.first[i];
      narrow[row * n + i] = xs.low[i] * image[at] + (xs.high[i] && xs.high[i] * image[at + 1]);
    }
  }
  const result = new Float64Array(n * n);
  for (let j = 0; j < n; j++) {
    const top = ys.first[j] * n, low = ys.low[j], high = ys.high[j];
    if (!low && !high) continue;
    for (let i = 0; i < n; i++) {
      result[j * n + i] = low * narrow[top + i] + (high && high * narrow[top + n + i]);
    }
  }
  return result;
}

/** Paint a window (W W) onto an empty canvas (S S). */
export function place(window, windowSide, [scale, x, y], canvasSide) {
  const s = Math.max(scale, MIN_SCALE);
  const along = (shift) =>
    hatWeights(canvasSide, windowSide, (i) => s * centre(i, canvasSide) + shift);
  return resample(window, windowSide, canvasSide, along(x), along(y));
}

/** Look at an image (S S) through a window: (W W). The inverse of `place`. */
export function crop(image, canvasSide, [scale, x, y], windowSide) {
  const s = Math.max(scale, MIN_SCALE);
  const along = (shift) =>
    hatWeights(windowSide, canvasSide, (i) => (centre(i, windowSide) - shift) / s);
  return resample(image, canvasSide, windowSide, along(x), along(y));
}

/** z_where moved along, so that what was seen at the middle of the image is at `at` = (x, y). */
export const centredAt = ([s, x, y], at) => Float64Array.of(s, x - s * at[0], y - s * at[1]);

/** The window's outline on the canvas as { x, y, side } in pixels; x, y is its top left corner. */
export function pixelBox([scale, x, y], canvasSide) {
  const s = Math.max(scale, MIN_SCALE), side = canvasSide / s, half = canvasSide / 2;
  return { x: (1 - x / s) * half - side / 2, y: (1 - y / s) * half - side / 2, side };
}

/** The z_where of a box; the inverse of `pixelBox`. */
export function whereOfBox({ x, y, side }, canvasSide) {
  const s = canvasSide / side, half = canvasSide / 2;
  return [s, s * (1 - (x + side / 2) / half), s * (1 - (y + side / 2) / half)];
}
