// A few lines of DOM, so that the rest reads as what it shows. Text is always set as text, never as HTML.

/** el("button", {class: "x", onclick, "aria-label": …}, child, "text", …) */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node[name] = value;
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Writes only what changed: twenty pictures a second must not restyle what stands still. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function toggle(node, name, on) {
  if (node.classList.contains(name) !== on) node.classList.toggle(name, on);
}

/** True where a key press belongs to what has the focus (a text field, an open list), not to a shortcut. */
export function isTyping(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof Element)) return false;
  return Boolean(target.closest("input:not([type=checkbox]), textarea, select, [contenteditable=true], [role=combobox], [role=listbox]"));
}

/** Resolves when the browser has shown what was changed so far: what takes long can then follow. */
export const shown = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
