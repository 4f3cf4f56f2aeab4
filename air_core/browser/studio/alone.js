/* The studio in a file of its own: no server, no network. */

import { AIR } from "../engine/air.js";
import { Compose } from "./compose.js";
import { h } from "./dom.js";
import { Draw } from "./draw.js";
import { decoded, image } from "./studio.js";

/** Build the page from what lies in it: `#data` (JSON) and `#weights` (base64). */
export function open(page) {
  const { title, scenes, ...data } = JSON.parse(page.getElementById("data").textContent);
  const bytes = Uint8Array.from(atob(page.getElementById("weights").textContent), (c) => c.charCodeAt(0));
  const air = new AIR(bytes.buffer), place = h("main");
  let scene = 0;
  const views = {
    Compose: () => [chooser(), new Compose(air, { ...decoded(data), image: image(scenes[scene]) }, () => {}).element],
    Draw: () => [new Draw(air, decoded({ ...data, examples: scenes }), null).element],
  };
  const chooser = () => {
    const next = (by) => () => {
      scene = (scene + by + scenes.length) % scenes.length;
      show("Compose");
    };
    return h("div", { class: "toolbar" }, h("button", { onclick: next(-1) }, "← Scene"), h("span", {}, `${scene + 1} of ${scenes.length}`), h("button", { onclick: next(1) }, "Scene →"));
  };
  const tabs = Object.keys(views).map((name) => h("button", { role: "tab", onclick: () => show(name) }, name));
  const show = (name) => {
    tabs.forEach((tab) => {
      tab.setAttribute("aria-pressed", String(tab.textContent === name));
      tab.setAttribute("aria-selected", String(tab.textContent === name));
    });
    place.replaceChildren(...views[name]());
  };
  page.getElementById("studio").replaceChildren(
    h("h1", {}, title),
    h("p", {}, "Attend, Infer, Repeat (Eslami et al. 2016) explains a picture as a few objects. The whole network is in this file."),
    h("div", { class: "toolbar", role: "tablist" }, ...tabs), place);
  show("Compose");
}
