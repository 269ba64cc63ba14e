// What the page's theme says, read from Streamlit's CSS variables once per change.

import { makePalette } from "./colours.js";

// The figures' blue and vermilion, of the same palette, as they are told apart on a dark page.
const ON_DARK = { "#0072B2": "#56B4E9", "#D55E00": "#FF9D57" };

export function readLook(node, lecture) {
  const style = getComputedStyle(node);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const paper = read("--st-background-color", "#ffffff");
  const text = read("--st-text-color", "#222222");
  const accent = read("--st-primary-color", "#0072B2");
  const palette = makePalette(paper, accent);
  return {
    palette,
    paper,
    text,
    accent,
    grid: palette.dark ? "rgba(255,255,255,0.14)" : "rgba(0,0,0,0.10)",
    font: read("--st-font", "sans-serif"),
    onDark: palette.dark ? ON_DARK : {},
    size: lecture ? 15 : 11,
    large: lecture,
    key: [paper, text, accent, lecture].join("|"),
  };
}
