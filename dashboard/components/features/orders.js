// In which order latents stand in the atlas, and which of them: plain functions on an atlas' arrays.

export const SORTS = {
  place: "place in the network",
  density: "how often it fires",
  strength: "how strongly",
  selectivity: "how choosy by digit",
  age: "age",
  map: "likeness (a map)",
};

export const FILTERS = { all: "all", dead: "dead", dense: "dense (over 25%)", twins: "duplicates", favourites: "favourites" };

export const DENSE = 0.25; // the glossary's: density > .25
export const TWIN = 0.9; // cosine of two filters from which on they count as duplicates (lens/stories.py)

/** Every latent, in order. `life` and `cells` (of a map) may not be there yet: then places stand. */
export function sorted(sort, atlas, life, cells) {
  const n = atlas.n_latents;
  const all = Array.from({ length: n }, (_, i) => i);
  const by = (values, sign) => all.sort((a, b) => sign * (values[a] - values[b]) || a - b);
  const { density, strength, selectivity } = atlas.arrays;
  if (sort === "density") return by(density.data, -1);
  if (sort === "strength") return by(strength.data, -1);
  if (sort === "selectivity") return by(selectivity.data, -1);
  if (sort === "age" && life?.arrays.born.data.length === n) return by(life.arrays.born.data, 1);
  if (sort === "map" && cells?.length === n) return by(cells, 1);
  return all;
}

/** Whether a latent is one of those asked for. */
export function wanted({ filter, digit }, atlas, life, notes) {
  const { dead, density, best } = atlas.arrays;
  const twin = life?.arrays.twin_cosine.data.length === atlas.n_latents ? life.arrays.twin_cosine.data : null;
  const tests = {
    dead: (i) => dead.data[i] === 1,
    dense: (i) => density.data[i] > DENSE,
    twins: (i) => twin !== null && twin[i] >= TWIN,
    favourites: (i) => notes[i]?.favourite === true,
  };
  const test = tests[filter] ?? (() => true);
  return (i) => test(i) && (digit === null || best.data[i] === digit);
}

/** A run's latents in the places where those most like them stood in another run; the rest follow. */
export function inPlacesOf(cells, order, n) {
  const placed = cells.map((latent) => order[latent]).filter((latent) => latent >= 0 && latent < n);
  const there = new Set(placed);
  return [...there, ...Array.from({ length: n }, (_, i) => i).filter((i) => !there.has(i))];
}
