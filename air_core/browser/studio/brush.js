/* A surface to draw on with mouse, pen or finger, read as the pixels of a scene. */

import { h } from "./dom.js";

const FINE = 8; // pixels of the surface along each pixel of the scene
const MOST_UNDONE = 30;

export class Surface {
  /** `changed()` is called while a stroke is drawn, `finished()` after it. */
  constructor(side, { changed, finished }) {
    Object.assign(this, { side, changed, finished, size: 2.6, soft: 0.5, erasing: false, past: [] });
    this.canvas = h("canvas", {
      width: side * FINE, height: side * FINE, class: "surface", tabindex: 0, role: "img",
      "aria-label": "Drawing surface; draw with mouse, pen or finger",
    });
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.blacken();
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.last && event.pointerId === this.pointer && this.follow(event));
    this.canvas.addEventListener("lostpointercapture", (event) => event.pointerId === this.pointer && this.end());
  }

  blacken() {
    this.context.globalCompositeOperation = "source-over";
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  remember() {
    this.past.push(this.context.getImageData(0, 0, this.canvas.width, this.canvas.height));
    if (this.past.length > MOST_UNDONE) this.past.shift();
  }

  undo() {
    const last = this.past.pop();
    if (last) this.context.putImageData(last, 0, 0);
    return Boolean(last);
  }

  clear() {
    this.remember();
    this.blacken();
  }

  /** Put a scene (side side) in [0, 1] there. */
  load(values) {
    this.remember();
    this.blacken();
    for (let i = 0; i < values.length; i++) {
      const level = Math.round(255 * values[i]);
      if (!level) continue;
      this.context.fillStyle = `rgb(${level},${level},${level})`;
      this.context.fillRect((i % this.side) * FINE, Math.floor(i / this.side) * FINE, FINE, FINE);
    }
  }

  begin(event) {
    if (event.button || this.last) return;
    event.preventDefault();
    this.pointer = event.pointerId;
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.remember();
    this.last = this.place(event);
    this.stamp(this.last);
    this.changed();
  }

  follow(event) {
    for (const part of event.getCoalescedEvents?.() ?? [event]) this.line(this.place(part));
    this.changed();
  }

  end() {
    if (!this.last) return;
    this.last = null;
    this.finished();
  }

  place(event) {
    const { left, top, width } = this.canvas.getBoundingClientRect(), scale = this.canvas.width / width;
    return [(event.clientX - left) * scale, (event.clientY - top) * scale];
  }

  /** Stamps from where the brush was to where it is, near enough to look like a line. */
  line([x, y]) {
    const [x0, y0] = this.last, far = Math.hypot(x - x0, y - y0), n = Math.ceil(far / (this.size * FINE * 0.15));
    for (let k = 1; k <= n; k++) this.stamp([x0 + ((x - x0) * k) / n, y0 + ((y - y0) * k) / n]);
    if (n) this.last = [x, y];
  }

  stamp([x, y]) {
    const radius = (this.size * FINE) / 2, outer = radius * (1 + 0.6 * this.soft), inner = radius * (1 - this.soft);
    const level = this.erasing ? "0,0,0" : "255,255,255", shade = this.context.createRadialGradient(x, y, Math.max(inner, 0), x, y, outer);
    shade.addColorStop(0, `rgba(${level},1)`);
    shade.addColorStop(1, `rgba(${level},0)`);
    // The brighter of ink and stamp, or overlapping stamps would harden a soft edge.
    this.context.globalCompositeOperation = this.erasing ? "source-over" : "lighten";
    this.context.fillStyle = shade;
    this.context.beginPath();
    this.context.arc(x, y, outer, 0, 2 * Math.PI);
    this.context.fill();
  }

  /** The drawing as a scene: each pixel is the mean of its part of the surface, in [0, 1]. */
  values() {
    const { data } = this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
    const values = new Float64Array(this.side ** 2), wide = this.canvas.width;
    for (let row = 0; row < wide; row++) {
      const to = Math.floor(row / FINE) * this.side;
      for (let column = 0; column < wide; column++) {
        values[to + Math.floor(column / FINE)] += data[4 * (row * wide + column)];
      }
    }
    return values.map((sum) => Math.round(sum / FINE ** 2) / 255); // as stored scenes are: 256 levels
  }
}
