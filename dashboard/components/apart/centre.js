// Framing of ink as the data set frames its own, as in sae_core/data/centre.py: a test holds the two to each other.

const EMPTY = 1e-6;

/** [from, to) of what is true; null where nothing is. */
function extent(length, some) {
  let from = 0;
  while (from < length && !some(from)) from++;
  if (from === length) return null;
  let to = length;
  while (!some(to - 1)) to--;
  return [from, to];
}

/** For each of nOut stretches, the pixels it covers and their shares: [[pixel, share], …]. */
function boxAverage(nIn, nOut) {
  const step = nIn / nOut;
  return Array.from({ length: nOut }, (_, i) => {
    const [low, high] = [i * step, (i + 1) * step];
    const parts = [];
    let total = 0;
    for (let p = Math.floor(low); p < Math.min(nIn, Math.ceil(high)); p++) {
      const share = Math.max(0, Math.min(high, p + 1) - Math.max(low, p));
      if (share > 0) parts.push([p, share]);
      total += share;
    }
    return parts.map(([p, share]) => [p, share / total]);
  });
}

/**
 * The image (n_pixels floats in [0, 1]) that the model sees of ink, a grid of height × width floats.
 * framing: {box, by_mass}; null where there is no ink.
 */
export function centred(ink, height, width, [fieldHeight, fieldWidth], framing) {
  const inked = (y, x) => ink[y * width + x] > EMPTY;
  const any = (n, test) => {
    for (let i = 0; i < n; i++) if (test(i)) return true;
    return false;
  };
  const rows = extent(height, (y) => any(width, (x) => inked(y, x)));
  if (!rows) return null;
  const columns = extent(width, (x) => any(height, (y) => inked(y, x)));
  const small = scaled(ink, width, rows, columns, framing.box);
  const [top, left] = corner(small, fieldHeight, fieldWidth, framing.by_mass);
  const field = new Float32Array(fieldHeight * fieldWidth);
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      const [r, c] = [top + y, left + x];
      if (r >= 0 && r < fieldHeight && c >= 0 && c < fieldWidth) field[r * fieldWidth + c] = Math.min(1, Math.max(0, small.data[y * small.width + x]));
    }
  }
  return field;
}

function scaled(ink, stride, [top, bottom], [left, right], box) {
  const longer = Math.max(bottom - top, right - left);
  const to = (side) => Math.max(1, Math.floor((box * side) / longer + 0.5));
  const [height, width] = [to(bottom - top), to(right - left)];
  const across = boxAverage(right - left, width);
  const down = boxAverage(bottom - top, height);
  const narrow = new Float64Array((bottom - top) * width);
  for (let y = 0; y < bottom - top; y++) {
    const from = (top + y) * stride + left;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [p, share] of across[x]) sum += share * ink[from + p];
      narrow[y * width + x] = sum;
    }
  }
  const data = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    for (const [p, share] of down[y]) for (let x = 0; x < width; x++) data[y * width + x] += share * narrow[p * width + x];
  }
  return { data, height, width };
}

function corner({ data, height, width }, fieldHeight, fieldWidth, byMass) {
  if (!byMass) return [Math.floor((fieldHeight - height) / 2), Math.floor((fieldWidth - width) / 2)];
  let [mass, row, column] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = data[y * width + x];
      mass += value;
      row += y * value;
      column += x * value;
    }
  }
  const place = (middle, at) => Math.floor(Math.floor(middle / 2) - at / mass + 0.5);
  return [place(fieldHeight, row), place(fieldWidth, column)];
}
