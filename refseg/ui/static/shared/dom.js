// Helpers for building elements. Text from users is always set as `textContent`, never as markup.

/**
 * Creates an element.
 * @param {string} tag
 * @param {object} [properties] DOM properties; `data` holds the data attributes.
 * @param {...(Node|string)} children
 */
export function createElement(tag, { data = {}, ...properties } = {}, ...children) {
  const element = document.createElement(tag);
  if (tag === "button") element.type = "button";
  Object.assign(element, properties);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

/** Returns a function that finds the element with the class `rs-NAME` inside `root`. */
export function finder(root) {
  return (name) => root.querySelector(`.rs-${name}`);
}

/** Formats a share from 0 to 1 in percent, with one decimal below 10 %. */
export function formatPercent(share) {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** "1 image", "2 images". */
export function formatCount(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
