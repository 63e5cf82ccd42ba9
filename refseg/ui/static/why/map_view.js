// The view for maps and comparisons: one image at a time, with a title and a legend.

import { finder } from "../shared/dom.js";
import { drawClasses, readGrayPixels } from "../shared/mask_drawing.js";

/**
 * @param {HTMLElement} root
 * @param {Array<{name: string, label: number, color: string, opacity: number}>} classes of a comparison: "both",
 *   "first" and "second"
 */
export function createMapView(root, classes) {
  const find = finder(root);
  const view = find("map-view");
  const image = find("map-image");
  const canvas = find("comparison");

  for (const { name, color } of classes) root.querySelector(`[data-part="${name}"]`).style.setProperty("--c", color);

  function setTitle(title, about) {
    find("map-title").textContent = `${title}:`;
    find("map-about").textContent = about;
    root.dataset.map = title;
  }

  return {
    /** Shows a map: { uri, low, high, where, top }. */
    showMap(map, title, about) {
      view.dataset.shows = "map";
      image.src = map.uri;
      image.alt = `${title}: ${map.low} to ${map.high}, highest ${map.where}`;
      find("legend-top").textContent = map.top;
      setTitle(title, about);
    },

    /** Shows two masks over the image: { classes: URI of a label map, iou }. */
    async showComparison({ classes: uri, iou }, title, firstOnly, secondOnly) {
      image.src = document.querySelector("#rs-result .rs-base-image").src;
      image.alt = title;
      const size = new Image();
      size.src = uri;
      await size.decode();
      canvas.width = size.width;
      canvas.height = size.height;
      const labels = await readGrayPixels(uri, size.width, size.height);
      const context = canvas.getContext("2d");
      const frame = context.createImageData(size.width, size.height);
      const counts = drawClasses(frame, labels, classes);
      context.putImageData(frame, 0, 0);
      view.dataset.shows = "comparison";
      setTitle(title, `IoU ${iou.toFixed(2)}`);
      root.querySelector('[data-part="first"]').textContent = firstOnly;
      root.querySelector('[data-part="second"]').textContent = secondOnly;
      Object.assign(root.dataset, counts);
    },
  };
}
