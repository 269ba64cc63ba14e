// Pixels as packed 32-bit colours: look-up tables for signed weights and for grey images, light and dark.

const NEGATIVE = [0, 114, 178]; // Okabe–Ito blue
const POSITIVE = [213, 94, 0]; // Okabe–Ito vermilion
const NEGATIVE_ON_DARK = [86, 180, 233];
const POSITIVE_ON_DARK = [255, 140, 50];

const pack = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;
const mix = (a, b, t) => a.map((v, i) => Math.round(v + (b[i] - v) * t));

/** "rgb(14, 17, 23)" or "#0e1117" → [14, 17, 23]. */
export function parseColour(text) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = text || "#fff";
  const hex = probe.fillStyle;
  if (hex.startsWith("#")) return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return hex.match(/[\d.]+/g).slice(0, 3).map(Number);
}

export const isDark = ([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b < 128;

/** 256 packed colours for uint8 weights, 128 = zero = `paper`; `strength` 1 is full, 0 is invisible. */
function signedTable(paper, strength, grey = false) {
  const dark = isDark(paper);
  const ends = dark ? [NEGATIVE_ON_DARK, POSITIVE_ON_DARK] : [NEGATIVE, POSITIVE];
  const ink = dark ? [150, 150, 150] : [120, 120, 120];
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const w = Math.max(-1, Math.min(1, (i - 128) / 127));
    const end = grey ? ink : ends[w < 0 ? 0 : 1];
    return pack(mix(paper, end, Math.abs(w) ** 0.65 * strength));
  });
}

/** Give a table what colour pictures are drawn with: a byte as red, green and blue; `strength` below 1 fades it into `paper`. */
function withColours(table, paper, strength = 1) {
  const channel = (c) => Uint32Array.from({ length: 256 }, (_, i) => Math.round(paper[c] + (i - paper[c]) * strength) << (8 * c));
  table.rgb = [0, 1, 2].map(channel);
  table.rgb[0] = table.rgb[0].map((red) => red | (255 << 24));
  return table;
}

export const LEVELS = 8;

/** Everything the canvases draw with, for one background. */
export function makePalette(paperText, accentText) {
  const paper = parseColour(paperText);
  const accent = parseColour(accentText);
  const ink = isDark(paper) ? [245, 245, 245] : [20, 20, 20];
  const levels = Array.from({ length: LEVELS + 1 }, (_, i) => {
    const strength = i === 0 ? 0.1 : 0.45 + (0.55 * i) / LEVELS;
    return withColours(signedTable(paper, strength), paper, strength);
  });
  return {
    key: paperText + accentText,
    dark: isDark(paper),
    paper: pack(paper),
    weights: withColours(signedTable(paper, 1), paper),
    dead: withColours(signedTable(paper, 0.22, true), paper, 0.22),
    lit: levels, // 0: does not fire (dimmed); 1..LEVELS: fires, ever more strongly
    frame: Uint32Array.from({ length: LEVELS + 1 }, (_, i) => pack(mix(paper, accent, i === 0 ? 0 : 0.35 + (0.65 * i) / LEVELS))),
    focus: pack(ink),
    grey: withColours(Uint32Array.from({ length: 256 }, (_, i) => pack(mix(isDark(paper) ? [24, 27, 34] : [255, 255, 255], ink, i / 255))), paper),
    residual: withColours(signedTable(paper, 1), paper),
  };
}
