// The points of a scatter plot by keyboard: arrow keys go from unit to unit, Enter opens the one that is shown.

import { directionOf, nextPoint } from "../direction.js";

export class Walk {
  /** @param {{visit: (latent: number|null, at: {x: number, y: number}|null) => void, open: (latent: number) => void}} on */
  constructor(Plotly, plot, on) {
    Object.assign(this, { Plotly, plot, on, point: null });
    plot.tabIndex = 0;
    plot.setAttribute("role", "application");
    plot.addEventListener("keydown", (event) => this.key(event));
    plot.addEventListener("blur", () => this.leave());
  }

  /** Every point with its place in pixels of the plot, by the axes that plotly has laid out. */
  points() {
    const { _fullLayout: layout, data } = this.plot;
    const size = layout._size;
    return data.flatMap((trace, curveNumber) =>
      (trace.customdata ?? []).map((latent, pointNumber) => ({
        latent, curveNumber, pointNumber,
        at: [size.l + layout.xaxis.d2p(trace.x[pointNumber]), size.t + layout.yaxis.d2p(trace.y[pointNumber])],
      })),
    );
  }

  key(event) {
    const direction = directionOf(event.key);
    if (direction) this.go(direction);
    else if (event.key === "Enter" && this.point !== null) this.on.open(this.point);
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  go(direction) {
    const points = this.points();
    if (!points.length) return;
    const here = points.findIndex(({ latent }) => latent === this.point);
    const next = here < 0 ? 0 : nextPoint(points.map(({ at }) => at), here, direction);
    if (next === null) return;
    const { latent, curveNumber, pointNumber, at } = points[next];
    this.point = latent;
    this.Plotly.Fx.hover(this.plot, [{ curveNumber, pointNumber }]);
    this.on.visit(latent, { x: at[0], y: at[1] });
  }

  leave() {
    this.point = null;
    this.Plotly.Fx.unhover(this.plot);
    this.on.visit(null, null);
  }
}
