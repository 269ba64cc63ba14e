// One live picture as it arrives: the same bytes that lie in a run's frame.bin (sae_core/runs/frames.py).
//
//   "PSF1" | uint32 header length | JSON header | padding to 8 | arrays, each at a multiple of 8

const MAGIC = 0x31465350; // "PSF1", little-endian
const READERS = { u1: Uint8Array, f4: Float32Array };
const decoder = new TextDecoder();

const align8 = (n) => (n + 7) & ~7;

/** @returns {object} the header's fields, with `arrays` replaced by name → {data, shape}; null if it is no frame. */
export function parseFrame(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 8 || view.getUint32(0, true) !== MAGIC) return null;
  const length = view.getUint32(4, true);
  const header = JSON.parse(decoder.decode(new Uint8Array(buffer, 8, length)));
  const start = align8(8 + length);
  const arrays = {};
  for (const { name, dtype, shape, offset } of header.arrays) {
    const size = shape.reduce((a, b) => a * b, 1);
    arrays[name] = { data: new READERS[dtype](buffer, start + offset, size), shape };
  }
  return { ...header, arrays };
}
