/* Saving scenes: as a PNG, or as the `.npz` that `air_core.evaluate` reads. */

import { grey, h, paint } from "./dom.js";

/** Hand a file to the person. */
export function save(name, blob) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A scene (side side) in [0, 1] as a PNG: a promise of a Blob. */
export function png(values, side) {
  const canvas = h("canvas", { width: side, height: side });
  paint(canvas, values, grey);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** A scene as `images` (1, side, side) uint8 of an .npz file: a Blob. */
export function npz(values, side) {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (1, ${side}, ${side}), }`;
  const header = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + "\n"; // 10 bytes before it
  const length = [header.length & 255, header.length >> 8];
  const start = [0x93, ..."NUMPY"].map((c) => (typeof c === "number" ? c : c.charCodeAt(0)));
  const body = Uint8Array.from(values, (value) => Math.round(255 * value));
  const head = Uint8Array.from([...start, 1, 0, ...length, ...new TextEncoder().encode(header)]);
  return zip("images.npy", Uint8Array.from([...head, ...body]));
}

/** One file, stored as it is, in a zip archive (PKWARE's APPNOTE, sections 4.3.7 to 4.3.16). */
function zip(name, bytes) {
  const title = new TextEncoder().encode(name), numbers = (...pairs) =>
    pairs.flatMap(([size, value]) => Array.from({ length: size }, (_, k) => (value >>> (8 * k)) & 255));
  const about = [[2, 20], [2, 0], [2, 0], [2, 0], [2, 33], [4, crc32(bytes)], [4, bytes.length], [4, bytes.length], [2, title.length], [2, 0]];
  const local = [...numbers([4, 0x04034b50], ...about), ...title];
  const central = [...numbers([4, 0x02014b50], [2, 20], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, 0]), ...title];
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, 1], [2, 1], [4, central.length], [4, local.length + bytes.length], [2, 0]);
  return new Blob([Uint8Array.from(local), bytes, Uint8Array.from([...central, ...end])], { type: "application/zip" });
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
