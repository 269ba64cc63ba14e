// The network's arithmetic on one image, as in sae_core/model.py and sae_core/anatomy.py: a test holds them to each other.

/** Codes whose handles are changed: Map latent → {kind: "scale"|"clamp", value}. */
export function edited(codes, edits) {
  if (!edits.size) return codes;
  const changed = Float64Array.from(codes);
  for (const [latent, { kind, value }] of edits) if (latent < changed.length) changed[latent] = kind === "clamp" ? value : changed[latent] * value;
  return changed;
}

/** (1 − t) a + t b */
export const interpolated = (a, b, t) => Float64Array.from(a, (value, j) => (1 - t) * value + t * b[j]);

export class Network {
  /**
   * @param arrays safetensors: filters, encoder (n_latents, n_pixels), b_enc, b_dec, mean
   * @param spec {method, activation: "relu"|"sigmoid", output: "linear"|"sigmoid", k, subtract_b_dec, threshold: the code above which a latent fires}
   */
  constructor(arrays, spec) {
    this.spec = spec;
    [this.n, this.nPixels] = arrays.filters.shape;
    this.filters = arrays.filters.data;
    this.encoder = arrays.encoder.data;
    this.bDec = arrays.b_dec.data;
    this.mean = arrays.mean?.data ?? this.bDec;
    this.extras = arrays;
    this.strongest = arrays.strongest?.data ?? null;
    this.start = this.foldedBias(arrays.b_enc.data);
    this.norms = this.filterNorms();
    this.canEncode = this.agrees(arrays["check.x"], arrays["check.codes"]);
  }

  /** Whether `encode` gives the codes that the model itself gave: a method this file does not know needs the server. */
  agrees(images, codes) {
    if (!images) return true;
    return Array.from({ length: images.shape[0] }, (_, i) => i).every((i) => {
      const mine = this.encode(images.data.subarray(i * this.nPixels, (i + 1) * this.nPixels));
      const theirs = codes.data.subarray(i * this.n, (i + 1) * this.n);
      const most = theirs.reduce((a, b) => Math.max(a, Math.abs(b)), 1);
      return mine.every((code, j) => Math.abs(code - theirs[j]) <= 1e-3 * most);
    });
  }

  /** b_enc − W_enc b_pre: what is left to do for an image is W_enc x, over the pixels that are not 0. */
  foldedBias(bEnc) {
    const { n, nPixels, encoder, bDec } = this;
    if (this.spec.subtract_b_dec === false) return Float64Array.from(bEnc);
    return Float64Array.from({ length: n }, (_, j) => {
      let sum = bEnc[j];
      for (let p = 0, at = j * nPixels; p < nPixels; p++, at++) sum -= encoder[at] * bDec[p];
      return sum;
    });
  }

  filterNorms() {
    const { n, nPixels, filters } = this;
    return Float64Array.from({ length: n }, (_, j) => {
      let sum = 0;
      for (let p = 0, at = j * nPixels; p < nPixels; p++, at++) sum += filters[at] * filters[at];
      return Math.sqrt(sum);
    });
  }

  filter(latent) {
    return this.filters.subarray(latent * this.nPixels, (latent + 1) * this.nPixels);
  }

  /** codes = act(W_enc (x − b_pre) + b_enc), (n_latents,) */
  encode(x) {
    const { n, nPixels, encoder, start } = this;
    const inked = [];
    for (let p = 0; p < nPixels; p++) if (x[p] !== 0) inked.push(p);
    const codes = Float64Array.from(start);
    for (let j = 0; j < n; j++) {
      const row = j * nPixels;
      let sum = 0;
      for (const p of inked) sum += encoder[row + p] * x[p];
      codes[j] += sum;
    }
    return this.activated(codes);
  }

  /** What the methods make of pre_codes at test time: sae_core/sparsity, `activate_`. */
  activated(z) {
    const { spec, extras } = this;
    if (spec.activation === "sigmoid") return z.map(sigmoid);
    if (spec.method === "topk" && spec.k < this.n) keepLargest(z, spec.k);
    if (spec.method === "jumprelu" && extras.log_threshold) return z.map((value, j) => (value > Math.exp(extras.log_threshold.data[j]) ? value : 0));
    if (spec.method === "batch-topk" && extras.threshold) return z.map((value) => (value > Math.max(0, extras.threshold.data[0]) ? value : 0));
    if (spec.method === "gated" && extras.r_mag) {
      const { r_mag, b_mag, b_enc } = extras;
      return z.map((gate, j) => (gate > 0 ? Math.max(0, (gate - b_enc.data[j]) * Math.exp(r_mag.data[j]) + b_mag.data[j]) : 0));
    }
    return z.map((value) => Math.max(0, value));
  }

  /** Latents with a code that is not 0, by |code| · ‖filter‖, strongest first. */
  order(codes) {
    const lit = [];
    for (let j = 0; j < this.n; j++) if (codes[j] !== 0) lit.push(j);
    const strength = lit.map((j) => Math.abs(codes[j]) * this.norms[j]);
    return lit.map((j, i) => [j, strength[i]]).sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([j]) => j);
  }

  /** x_hat = b_dec + Σ code · filter over these latents, added in this order, as the output shows it; (n_pixels,) */
  decode(codes, latents = this.order(codes)) {
    const sum = Float64Array.from(this.bDec);
    for (const j of latents) this.add(sum, j, codes[j]);
    return this.output(sum);
  }

  /** What a sum of parts looks like: itself, or, in the textbook's network, what its sigmoid makes of it. */
  output(sum) {
    return this.spec.output === "sigmoid" ? sum.map(sigmoid) : sum;
  }

  /** Add one latent's part to a sum, in place. */
  add(sum, latent, code) {
    const { nPixels, filters } = this;
    for (let p = 0, at = latent * nPixels; p < nPixels; p++, at++) sum[p] += code * filters[at];
  }

  /** Latents that fire: how many codes are above the threshold. */
  lit(codes) {
    let count = 0;
    for (const code of codes) count += code > this.spec.threshold;
    return count;
  }

  /** ‖x − x_hat‖² / ‖x − mean‖², the mean being the training set's: 0 is a perfect copy, 1 the mean image. */
  fvu(x, xHat) {
    let error = 0;
    let all = 0;
    for (let p = 0; p < this.nPixels; p++) {
      error += (x[p] - xHat[p]) ** 2;
      all += (x[p] - this.mean[p]) ** 2;
    }
    return error / Math.max(all, 1e-12);
  }
}

const sigmoid = (value) => 1 / (1 + Math.exp(-value));

/** All but the k largest become −Infinity; of equal ones the first are kept. */
function keepLargest(codes, k) {
  const order = Array.from(codes.keys()).sort((a, b) => codes[b] - codes[a] || a - b);
  for (const j of order.slice(k)) codes[j] = -Infinity;
}

/** A matrix kept as int8 with a scale for each row, as floats. */
export function dequantised({ data, shape }, scales) {
  const [rows, columns] = shape;
  const values = new Float32Array(data.length);
  for (let i = 0, at = 0; i < rows; i++) for (let p = 0; p < columns; p++, at++) values[at] = data[at] * scales.data[i];
  return { shape, data: values };
}

/** Class probabilities of a linear probe, softmax(W codes + b); W is (n_classes, n_latents). */
export function classify(probe, codes) {
  const [nClasses, n] = probe.weights.shape;
  const logits = Array.from({ length: nClasses }, (_, c) => {
    let sum = probe.bias.data[c];
    for (let j = 0, at = c * n; j < n; j++, at++) if (codes[j]) sum += probe.weights.data[at] * codes[j];
    return sum;
  });
  const highest = Math.max(...logits);
  const odds = logits.map((logit) => Math.exp(logit - highest));
  const total = odds.reduce((a, b) => a + b, 0);
  return odds.map((odd) => odd / total);
}
