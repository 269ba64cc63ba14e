// Takes a chart along: as PNG, as SVG, or its data as CSV. Works offline: plotly draws, the browser saves.

import { el } from "./dom.js";

export function saveAs(name, data, type) {
  const url = URL.createObjectURL(data instanceof Blob ? data : new Blob([data], { type }));
  const link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""));

/** The traces of a plotly chart, a line a point: trace, x, y. */
export function csvOf(plot) {
  const { layout, data } = plot;
  const title = (axis, otherwise) => layout[axis]?.title?.text || otherwise;
  const lines = [["trace", title("xaxis", "x"), title("yaxis", "y")]];
  for (const trace of data) (trace.y ?? trace.x ?? []).forEach((_, i) => lines.push([trace.name ?? "", trace.x?.[i] ?? i, trace.y?.[i] ?? ""]));
  return lines.map((line) => line.map(quoted).join(",")).join("\r\n") + "\r\n";
}

/** A row of small buttons for a chart. */
export function saveButtons(Plotly, plot, name) {
  const image = async (format) => {
    const options = { format, width: Math.max(640, plot.clientWidth), height: Math.max(360, plot.clientHeight), scale: 2 };
    const paper = getComputedStyle(plot).getPropertyValue("--paper") || "#fff";
    const layout = { ...plot.layout, showlegend: plot.data.length > 1, paper_bgcolor: paper, plot_bgcolor: paper };
    const url = await Plotly().toImage({ data: plot.data, layout }, options);
    saveAs(`${name}.${format}`, await (await fetch(url)).blob());
  };
  const button = (text, title, onclick) => el("button", { type: "button", class: "ps-save", title, onclick }, text);
  return el(
    "span",
    { class: "ps-saves" },
    button("PNG", "Save this chart as a picture", () => image("png")),
    button("SVG", "Save this chart as a drawing", () => image("svg")),
    button("CSV", "Save this chart's data", () => saveAs(`${name}.csv`, csvOf(plot), "text/csv")),
  );
}
