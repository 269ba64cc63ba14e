// What a unit does, in a sentence.

import { figure, percent, whole } from "../format.js";
import { DENSE } from "./orders.js";

/** @param atlas its arrays are of all units  @param {number} latent which of them */
export function sentence(atlas, latent) {
  const { density, selectivity, best, dead, strength } = atlas.arrays;
  return describe({ density: density.data[latent], selectivity: selectivity.data[latent], best: best.data[latent], dead: dead.data[latent] === 1, strength: strength.data[latent], class_names: atlas.class_names, n_test: atlas.n_test });
}

/** The same of a unit's own page. */
export function describe({ density, selectivity, best, dead, strength, class_names: names, n_test: n }) {
  if (dead) return `Dead: it fires on none of ${whole(n)} test images.`;
  const often = `Fires on ${percent(density, density < DENSE ? 1 : 0)} of images${density > DENSE ? " (dense)" : ""}, at ${figure(strength)} on average`;
  if (best < 0 || !names?.length || names.length < 2) return `${often}.`;
  const choosy = selectivity > 0.9 ? "almost only" : selectivity > 0.6 ? "mostly" : selectivity > 0.3 ? "most strongly" : "about equally for all, a little more";
  return `${often}; ${choosy} for ${names[best]} (selectivity ${selectivity.toFixed(2)}).`;
}
