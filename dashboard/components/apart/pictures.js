// Images of floats on small canvases: grey for pixels in [0, 1], orange and blue for signed sums around 0.

import { drawTile } from "../mosaic.js";

let scratch = new Uint8Array(4096);

function bytesFor(n) {
  if (scratch.length < n) scratch = new Uint8Array(n);
  return scratch.subarray(0, n);
}

/** Pixels in [0, 1], cut off beyond. */
export function drawGrey(canvas, pixels, shape, palette) {
  const bytes = bytesFor(pixels.length);
  for (let p = 0; p < pixels.length; p++) bytes[p] = Math.max(0, Math.min(255, Math.round(255 * pixels[p])));
  drawTile(canvas, bytes, shape, palette.grey);
}

/** Signed values; `largest` is full colour, by default the picture's own. */
export function drawSigned(canvas, values, shape, palette, largest) {
  let most = largest ?? 0;
  if (largest === undefined) for (const value of values) most = Math.max(most, Math.abs(value));
  const bytes = bytesFor(values.length);
  for (let p = 0; p < values.length; p++) bytes[p] = Math.max(1, Math.min(255, Math.round(128 + (127 * values[p]) / (most || 1))));
  drawTile(canvas, bytes, shape, palette.weights);
}
