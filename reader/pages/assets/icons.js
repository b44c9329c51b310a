// Line drawings for the pages, on a grid of 64; drawn as nodes, since nothing inline is allowed.

const DRAWINGS = {
  card: ["M10 16h44a5 5 0 0 1 5 5v24a5 5 0 0 1-5 5H10a5 5 0 0 1-5-5V21a5 5 0 0 1 5-5z", "M14 40a8 8 0 0 1 16 0", "M22 31a5 5 0 1 0 0-10 5 5 0 0 0 0 10z", "M38 26h13M38 34h13M38 42h8"],
  place: ["M8 44h48v8a4 4 0 0 1-4 4H12a4 4 0 0 1-4-4z", "M16 10h32a3 3 0 0 1 3 3v17a3 3 0 0 1-3 3H16a3 3 0 0 1-3-3V13a3 3 0 0 1 3-3z", "M32 17v20M26 32l6 6 6-6"],
  wait: ["M32 6a26 26 0 1 0 26 26", "M32 18v15l9 6"],
  pin: ["M14 28h36a4 4 0 0 1 4 4v22a4 4 0 0 1-4 4H14a4 4 0 0 1-4-4V32a4 4 0 0 1 4-4z", "M20 28v-8a12 12 0 0 1 24 0v8", "M22 43h.1M32 43h.1M42 43h.1"],
  face: ["M18 6h-6a6 6 0 0 0-6 6v6M46 6h6a6 6 0 0 1 6 6v6M18 58h-6a6 6 0 0 1-6-6v-6M46 58h6a6 6 0 0 0 6-6v-6", "M24 24v4M40 24v4M32 26v9h-3M23 42c5 5 13 5 18 0"],
  noCamera: ["M8 20h10l5-7h18l5 7h10a3 3 0 0 1 3 3v26a3 3 0 0 1-3 3H8a3 3 0 0 1-3-3V23a3 3 0 0 1 3-3z", "M32 45a10 10 0 1 0 0-20 10 10 0 0 0 0 20z", "M8 8l48 50"],
  visual: ["M24 28a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M6 54c0-11 8-17 18-17s18 6 18 17", "M44 24c4-6 14-6 17 0-3 6-13 6-17 0z", "M52.500 24h.1"],
  heart: ["M32 56S8 42 8 24a12 12 0 0 1 24-4 12 12 0 0 1 24 4c0 18-24 32-24 32z", "M16 31h9l4-7 6 13 4-6h9"],
  share: ["M14 8h24l12 12v36H14z", "M38 8v12h12", "M22 34h20M22 44h14"],
  done: ["M32 6a26 26 0 1 0 0 52 26 26 0 0 0 0-52z", "M20 33l9 9 16-19"],
  stop: ["M32 7l27 48H5z", "M32 24v15M32 47v.1"],
  lost: ["M6 24a38 38 0 0 1 52 0M16 35a23 23 0 0 1 32 0M26 45a9 9 0 0 1 12 0M32 54v.1", "M8 8l48 48"],
  person: ["M32 32a12 12 0 1 0 0-24 12 12 0 0 0 0 24z", "M8 58c0-14 10-22 24-22s24 8 24 22"],
  phone: ["M20 4h24a5 5 0 0 1 5 5v46a5 5 0 0 1-5 5H20a5 5 0 0 1-5-5V9a5 5 0 0 1 5-5z", "M27 52h10", "M25 27v-4a7 7 0 0 1 14 0v4M23 27h18v13H23z"],
  speak: ["M8 25h10l14-12v38L18 39H8z", "M42 24c4 5 4 11 0 16M49 17c8 9 8 21 0 30"],
  text: ["M6 54L20 14l14 40M11 40h18", "M38 54l9-24 9 24M41 46h12"],
  contrast: ["M32 6a26 26 0 1 0 0 52 26 26 0 0 0 0-52z", "M32 6v52M40 12v40M48 18v28"],
};

const SVG = "http://www.w3.org/2000/svg";

/** A drawing as a node; it says nothing to a screen reader. */
export function icon(name) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", "0 0 64 64");
  node.setAttribute("class", "icon");
  node.setAttribute("aria-hidden", "true");
  for (const line of DRAWINGS[name]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", line);
    node.append(path);
  }
  return node;
}

/** An element with attributes; `on…` are listeners, `true` is an empty attribute but for ARIA's. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key.startsWith("aria-")) node.setAttribute(key, String(value));
    else if (value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A button. */
export const button = (text, press, attributes = {}) => element("button", { type: "button", onclick: press, ...attributes }, ...[text].flat());
