// Walking among points with the arrow keys.

const DIRECTIONS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

export const directionOf = (key) => DIRECTIONS[key] ?? null;

/**
 * The closest point within 45° of a direction; null where there is none.
 * @param {[number, number][]} places in pixels, y downwards  @param {number} from index of the point that is left
 * @param {number} least pixels by which the next one lies further that way
 */
export function nextPoint(places, from, [dx, dy], least = 0.5) {
  const [x0, y0] = places[from];
  let [best, distance] = [null, Infinity];
  places.forEach(([x, y], i) => {
    const along = (x - x0) * dx + (y - y0) * dy;
    const across = Math.abs((x - x0) * dy + (y - y0) * dx);
    const d = along + 2 * across;
    if (along > least && across <= along && d < distance) [best, distance] = [i, d];
  });
  return best;
}
