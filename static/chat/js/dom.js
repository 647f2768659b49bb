// Building and finding elements. Text is always set as text, so nothing that came from outside becomes markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element with attributes (`on…` are listeners, null ones are left out) and children (nodes or texts). */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export const iconButton = (name, label, onclick, attributes = {}) =>
  element("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...attributes }, icon(name));

/** Make `container`'s children those of `fresh`, touching only what differs: a growing text does not flicker. */
export function updateChildren(container, fresh) {
  const wanted = [...fresh.childNodes];
  wanted.forEach((node, index) => {
    const present = container.childNodes[index];
    if (!present) container.append(node);
    else if (!present.isEqualNode(node)) present.replaceWith(node);
  });
  while (container.childNodes.length > wanted.length) container.lastChild.remove();
}

/** Tell people who cannot see the page what changed on it. */
export function announce(text) {
  byId("announcer").textContent = text;
}
