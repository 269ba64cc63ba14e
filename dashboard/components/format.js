// Numbers as people read them.

const grouped = new Intl.NumberFormat("en-US");

/** 1204000 → "1,204,000" */
export const whole = (n) => grouped.format(Math.round(n));

/** 61234 → "61k" */
export function short(n) {
  if (!Number.isFinite(n)) return "–";
  if (n >= 1e6) return `${(n / 1e6).toPrecision(3)}M`;
  if (n >= 1e4) return `${Math.round(n / 1e3)}k`;
  if (n >= 1e3) return `${(n / 1e3).toFixed(1)}k`;
  return String(Math.round(n));
}

/** Three significant places, never an exponent on the usual range: 0.208, 0.0041, 12.3 */
export function figure(x) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e4 || size < 1e-4) return x.toExponential(1);
  return size >= 100 ? x.toFixed(0) : size >= 10 ? x.toFixed(1) : size >= 0.1 ? x.toFixed(3) : x.toPrecision(2);
}

/** A dial's value: "off", "0.10", "0.003", "32" */
export function dialText(value, knob) {
  if (value === 0 && knob?.off) return "off";
  if (knob?.integer) return String(value);
  if (value >= 10) return String(Number(value.toPrecision(3)));
  if (value >= 0.1) return value.toFixed(2);
  return String(Number(value.toPrecision(2)));
}

export const percent = (share, places = 0) => (Number.isFinite(share) ? `${(100 * share).toFixed(places)}%` : "–");
