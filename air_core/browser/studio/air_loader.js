/* The network of a run, fetched once a page however often it is asked for. */

import { AIR } from "../engine/air.js";

const KEPT = 3; // networks that stay in memory
const loaded = new Map();

/** A promise of the AIR whose exported weights are at `url`; a failure is tried again next time. */
export function loadAIR(url) {
  if (!loaded.has(url)) {
    const promise = fetch(url).then(async (response) => {
      if (!response.ok) throw new Error(`the weights could not be loaded (${response.status})`);
      return new AIR(await response.arrayBuffer());
    });
    promise.catch(() => loaded.delete(url));
    if (loaded.size >= KEPT) loaded.delete(loaded.keys().next().value);
    loaded.set(url, promise);
  }
  return loaded.get(url);
}
