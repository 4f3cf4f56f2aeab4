// Draws Plotly figures and keeps what a person did to them: zoom, pan, hover and hidden lines survive
// new data, because the figures are updated (Plotly.react with a constant uirevision), never replaced.

const ZOOM_REPORT_MS = 250;

/** plotly.js, fetched once for the whole page; `url` is where the app serves it. */
function library(url) {
  window.airPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.airPlotly = undefined; // the next draw tries again
      reject(new Error(`plotly.js could not be loaded from ${url}`));
    };
    document.head.append(script);
  });
  return window.airPlotly;
}

/** Colours and letters of the app's theme, as a Plotly template. */
function theme(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const text = read("--st-text-color", "#31333f");
  const line = read("--st-border-color", "#8a8f9833");
  const axis = { gridcolor: "rgba(128,128,128,0.2)", linecolor: line, zerolinecolor: line, automargin: true, tickfont: { size: 11 } };
  return {
    layout: {
      font: { color: text, family: read("--st-font", "sans-serif"), size: 12 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: {
        bgcolor: read("--st-secondary-background-color", "#f0f2f6"),
        bordercolor: line,
        font: { color: text },
      },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: read("--st-primary-color", "#6a4cff") },
      xaxis: axis,
      yaxis: axis,
    },
  };
}

/** The height of a sheet of square pictures that is as wide as its place. */
function fittedHeight(layout, width) {
  const [x0, x1] = layout.xaxis.range;
  const [y0, y1] = layout.yaxis.range;
  const margin = layout.margin;
  const unit = (width - margin.l - margin.r) / Math.abs(x1 - x0);
  return Math.min(layout.height, Math.round(unit * Math.abs(y1 - y0) + margin.t + margin.b));
}

/** The card of a panel, made at its first drawing: a heading with its explanation, and the plot. */
function card(grid, panel) {
  let element = grid.querySelector(`:scope > [data-panel="${CSS.escape(panel.name)}"]`);
  if (element) return element;
  element = document.createElement("section");
  element.dataset.panel = panel.name;
  element.className = "air-panel";
  if (panel.title) {
    const heading = document.createElement("h3");
    heading.textContent = panel.title;
    if (panel.help) {
      const tip = document.createElement("button");
      tip.type = "button";
      tip.className = "air-tip";
      tip.textContent = "?";
      heading.append(tip);
    }
    element.append(heading);
  }
  const plot = document.createElement("div");
  plot.className = "air-plot";
  plot.setAttribute("role", "img");
  element.append(plot);
  grid.append(element);
  return element;
}

function reportZoom(plot, name, views, report) {
  plot.on("plotly_relayout", (change) => {
    const axis = plot.layout.xaxis;
    if (change["xaxis.autorange"] || axis.autorange) delete views[name];
    else if (axis.range) views[name] = axis.range.map((value) => (axis.type === "log" ? 10 ** value : value));
    else return;
    report();
  });
}

function drawPanel(Plotly, grid, panel, state) {
  const element = grid.querySelector(`:scope > [data-panel="${CSS.escape(panel.name)}"]`);
  const plot = element.querySelector(".air-plot");
  const { data, layout } = panel.figure;
  const width = plot.clientWidth || grid.clientWidth;
  plot.setAttribute("aria-label", panel.alt);
  const tip = element.querySelector(".air-tip");
  if (tip) {
    tip.dataset.tip = panel.help;
    tip.setAttribute("aria-label", panel.help);
  }
  const drawn = {
    ...layout,
    template: theme(grid),
    autosize: true,
    height: panel.fit ? fittedHeight(layout, width) : panel.height,
    uirevision: panel.revision ?? "keep",
  };
  const config = { displaylogo: false, responsive: false, displayModeBar: panel.fit ? false : "hover" };
  Plotly.react(plot, data, drawn, config);
  element.dataset.points = plot._fullData.reduce((n, trace) => n + (trace._length ?? 0), 0);
  if (!state.watched.has(plot)) {
    state.watched.add(plot);
    if (!panel.fit) reportZoom(plot, panel.name, state.views, state.report);
  }
}

/** Draw the panels that are in sight and have changed, or all that are in sight. */
function draw(Plotly, grid, state, all = false) {
  if (document.hidden && state.drew) return; // until somebody looks
  state.drew = true;
  const panels = state.data.panels;
  for (const element of [...grid.children]) {
    if (!panels.some((panel) => panel.name === element.dataset.panel)) {
      state.sight.unobserve(element);
      Plotly.purge(element.querySelector(".air-plot"));
      state.inSight.delete(element.dataset.panel);
      element.remove();
    }
  }
  for (const panel of panels) {
    const element = card(grid, panel);
    state.sight.observe(element);
    const drawn = state.drawn.get(element);
    if (drawn && !state.inSight.has(panel.name)) {
      if (all) state.drawn.set(element, "another width or theme");
      continue; // until it is scrolled to
    }
    if (all || drawn !== panel.text) drawPanel(Plotly, grid, panel, state);
    state.drawn.set(element, panel.text);
  }
  grid.dataset.stamp = state.data.stamp ?? "";
}

/** Draw again when the place changes its width, the app its theme, or the tab comes to the front. */
function watch(grid, redraw, signal) {
  let width = grid.clientWidth;
  let look = JSON.stringify(theme(grid));
  const resized = new ResizeObserver(() => {
    if (grid.clientWidth && grid.clientWidth !== width) redraw();
    width = grid.clientWidth;
  });
  resized.observe(grid);
  const restyled = new MutationObserver(() => {
    const now = JSON.stringify(theme(grid));
    if (now !== look) redraw();
    look = now;
  });
  for (let node = grid; node && node !== document.body; node = node.parentElement) {
    restyled.observe(node, { attributes: true, attributeFilter: ["class", "style"] });
    if (node.classList.contains("stBidiComponent")) break;
  }
  document.addEventListener("visibilitychange", () => document.hidden || redraw(), { signal });
  signal.addEventListener("abort", () => {
    resized.disconnect();
    restyled.disconnect();
  });
}

/** What a mount remembers between its drawings, until it leaves the page. */
function begin(grid, setStateValue) {
  const gone = new AbortController();
  const state = { views: {}, watched: new WeakSet(), inSight: new Set(), drawn: new WeakMap(), gone: gone.signal };
  let timer;
  state.report = () => {
    clearTimeout(timer);
    timer = setTimeout(() => setStateValue("view", { ...state.views }), ZOOM_REPORT_MS);
  };
  state.leave = () => {
    gone.abort();
    clearTimeout(timer);
    state.sight?.disconnect();
    grid.replaceChildren();
    delete grid.airState;
  };
  return state;
}

function lookOut(Plotly, grid, state) {
  state.sight = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      state.inSight[isIntersecting ? "add" : "delete"](target.dataset.panel);
    }
    draw(Plotly, grid, state);
  });
  watch(grid, () => draw(Plotly, grid, state, true), state.gone);
}

export default function ({ data, parentElement, setStateValue }) {
  const grid = parentElement.querySelector(".air-figures");
  const state = (grid.airState ??= begin(grid, setStateValue));
  const panels = data.panels.map((text) => ({ text, ...JSON.parse(text) }));
  state.data = { ...data, panels };
  library(data.plotly).then(
    (Plotly) => {
      if (state.gone.aborted) return;
      if (!state.sight) lookOut(Plotly, grid, state);
      draw(Plotly, grid, state); // the newest data, should more have come meanwhile
    },
    (error) => {
      grid.textContent = `${error.message}. Reload the page.`;
    },
  );
  return state.leave;
}
