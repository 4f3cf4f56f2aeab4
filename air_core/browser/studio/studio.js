/* What a page mounts: a view on the network of a run. */

import { loadAIR } from "./air_loader.js";
import { Compose } from "./compose.js";
import { Draw } from "./draw.js";
import { h } from "./dom.js";

const VIEWS = { compose: Compose, draw: Draw };

/** Pixels (uint8 in base64) as numbers in [0, 1]. */
export const image = (text) => Float64Array.from(atob(text), (pixel) => Math.fround(pixel.charCodeAt(0) / 255));

/** Numbers in [0, 1] as pixels. */
export const base64 = (values) => btoa(String.fromCharCode(...Uint8Array.from(values, (value) => Math.round(255 * value))));

/** `data` as Python sends it, with pictures and codes as numbers. */
export function decoded(data) {
  const objects = (list) => list.map(({ zWhere, zWhat }) => ({ zWhere, zWhat: Float64Array.from(zWhat) }));
  return {
    ...data,
    image: data.image && image(data.image),
    examples: data.examples?.map(image),
    objects: data.objects && objects(data.objects),
    past: data.past?.map(objects),
  };
}

/** Show `view` of the weights at `url` in an element; again with other data does nothing new.
 *
 * What Python knows already, since it was told by this view, comes back as new data: only a change
 * of `key` is news. */
export async function mount(place, { view, url, key, ...data }, send) {
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.replaceChildren(h("p", { class: "quiet", role: "status" }, "Loading the network …"));
  try {
    const air = await loadAIR(url);
    if (place.dataset.key !== key) return; // another one was asked for meanwhile
    place.replaceChildren(new VIEWS[view](air, decoded(data), send).element);
  } catch (error) {
    delete place.dataset.key;
    place.replaceChildren(h("p", { class: "failed", role: "alert" }, `${error.message}. Reload the page to try again.`));
  }
}
