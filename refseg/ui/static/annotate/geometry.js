// Geometry of the editor. Three coordinate systems:
//   image   pixels of the original image
//   view    pixels of the reduced image that the browser has (`image.view`, width and height)
//   canvas  CSS pixels of the canvas panel, relative to its top left corner
// A viewport { scale, x, y } maps view to canvas: canvas = view * scale + (x, y).

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** How many original pixels one view pixel is wide. */
export const imageScale = (image) => image.width / image.view[0];

/** From view to image coordinates. */
export const toImage = ([x, y], image) => [x * imageScale(image), y * imageScale(image)];

/** From canvas to view coordinates. */
export const toView = ([x, y], viewport) => [(x - viewport.x) / viewport.scale, (y - viewport.y) / viewport.scale];

/** The viewport that shows a whole view [width, height], centered on a canvas [width, height]. */
export function fitViewport([width, height], [canvasWidth, canvasHeight]) {
  const scale = Math.min(canvasWidth / width, canvasHeight / height) || 1;
  return { scale, x: (canvasWidth - width * scale) / 2, y: (canvasHeight - height * scale) / 2 };
}

/** The viewport after zooming by a factor; the canvas point [x, y] stays where it is. */
export function zoomViewport(viewport, factor, [x, y], [minScale, maxScale]) {
  const scale = clamp(viewport.scale * factor, minScale, maxScale);
  const ratio = scale / viewport.scale;
  return { scale, x: x - (x - viewport.x) * ratio, y: y - (y - viewport.y) * ratio };
}

/** Midpoint and distance of two touches [[x, y], [x, y]]. */
export function pinchOf([[x1, y1], [x2, y2]]) {
  return { x: (x1 + x2) / 2, y: (y1 + y2) / 2, distance: Math.hypot(x2 - x1, y2 - y1) || 1 };
}

/** The points of a line from one point to another, at most `spacing` apart; without the first point. */
export function pointsAlong([x1, y1], [x2, y2], spacing) {
  const steps = Math.max(1, Math.ceil(Math.hypot(x2 - x1, y2 - y1) / spacing));
  return Array.from({ length: steps }, (_, step) => {
    const share = (step + 1) / steps;
    return [x1 + (x2 - x1) * share, y1 + (y2 - y1) * share];
  });
}

/**
 * Sets the values of a mask whose pixel centers lie in a disc. The server draws strokes by the same rule.
 * @param {Uint8Array} values row by row
 * @param {[number, number]} size width and height
 * @param {[number, number]} center in pixels; pixel (0, 0) has its center at (0.5, 0.5)
 */
export function fillDisc(values, [width, height], [x, y], radius, value) {
  const lastRow = Math.min(height - 1, Math.floor(y + radius));
  for (let row = Math.max(0, Math.floor(y - radius)); row <= lastRow; row++) {
    const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
    const first = Math.max(0, Math.ceil(x - half - 0.5));
    const last = Math.min(width - 1, Math.floor(x + half - 0.5));
    if (last >= first) values.fill(value, row * width + first, row * width + last + 1);
  }
}

/** A box [left, top, width, height] with corners in any order. */
export function boxOf([x1, y1], [x2, y2]) {
  return [Math.min(x1, x2), Math.min(y1, y2), Math.abs(x2 - x1), Math.abs(y2 - y1)];
}
