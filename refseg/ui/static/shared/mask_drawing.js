// Draws masks. Every overlay of the page (result, video player, editor, comparisons) is drawn by these functions.

/**
 * Reads an image as gray values at a given size.
 * @param {string} source address of the image, usually a data URI
 * @returns {Promise<Uint8Array>} values 0..255, row by row
 */
export async function readGrayPixels(source, width, height) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const values = new Uint8Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = rgba[4 * i];
  return values;
}

/** Packs "#rrggbb" and an opacity from 0 to 1 into one pixel of an ImageData that is viewed as a Uint32Array. */
export function packColor(color, opacity) {
  const value = Number.parseInt(color.slice(1), 16);
  const [red, green, blue] = [value >> 16, (value >> 8) & 255, value & 255];
  return ((Math.round(opacity * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Width of the outline in pixels that suits an image of this size. */
export function outlineWidth(width, height) {
  return Math.max(1, Math.round(Math.max(width, height) / 320));
}

/**
 * Colors the pixels whose value reaches a level, and leaves the others unchanged.
 * With `outline` the mask's edge is drawn in the full color; the border of the image is not an edge.
 * @param {ImageData} frame
 * @param {ArrayLike<number>} values one value per pixel, row by row
 * @param {number} level
 * @param {{color: string, opacity: number, outline: boolean, edge?: number}} style edge: its width in pixels
 * @returns {number} how many pixels are colored
 */
export function drawMask(frame, values, level, style) {
  const { width, height } = frame;
  const { color, opacity, outline, edge = outlineWidth(width, height) } = style;
  const pixels = new Uint32Array(frame.data.buffer);
  const fill = packColor(color, opacity);
  const line = packColor(color, 1);
  const isInside = (x, y) =>
    values[Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1)] >= level;
  const isInterior = (x, y) =>
    isInside(x - edge, y) && isInside(x + edge, y) && isInside(x, y - edge) && isInside(x, y + edge);
  let count = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      if (values[i] < level) continue;
      count++;
      pixels[i] = outline && !isInterior(x, y) ? line : fill;
    }
  }
  return count;
}

/**
 * Colors the pixels of each class of a label map.
 * @param {ImageData} frame
 * @param {ArrayLike<number>} labels one label per pixel
 * @param {Array<{name: string, label: number, color: string, opacity: number}>} classes
 * @returns {Record<string, number>} pixels of each class
 */
export function drawClasses(frame, labels, classes) {
  const pixels = new Uint32Array(frame.data.buffer);
  const byLabel = new Map(classes.map((one) => [one.label, { ...one, fill: packColor(one.color, one.opacity) }]));
  const counts = Object.fromEntries(classes.map(({ name }) => [name, 0]));
  for (let i = 0; i < labels.length; i++) {
    const found = byLabel.get(labels[i]);
    if (!found) continue;
    pixels[i] = found.fill;
    counts[found.name]++;
  }
  return counts;
}
