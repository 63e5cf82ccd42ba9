// The logits of a video's frames. They arrive on the network's square grid ("cells"), in which the letterboxed frame
// covers a part. Masks at any threshold are computed from them in the browser.

/** Decodes base64 of little-endian 16-bit integers. */
export function decodeLogits(text) {
  const bytes = atob(text);
  const values = new Int16Array(bytes.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8);
  return values;
}

/** The encoded logit of a probability. `steps`: how many integer steps one unit of the logit has. */
export function encodeThreshold(probability, steps) {
  return Math.log(probability / (1 - probability)) * steps;
}

/** The two cells around a position on the grid, and the weight of the second: linear interpolation with clamping. */
export function neighbors(position, cells) {
  const low = Math.min(Math.max(Math.floor(position), 0), cells - 1);
  return [low, Math.min(low + 1, cells - 1), Math.min(Math.max(position - low, 0), 1)];
}

/** Positions on the grid of the centers of `count` pixels that cover `length` of the square from `start` on. */
function positions(count, start, length, scale) {
  return Array.from({ length: count }, (_, i) => (start + ((i + 0.5) / count) * length) * scale - 0.5);
}

/**
 * The mask of a frame: the inverse of the letterbox with bilinear interpolation, then the threshold.
 * @param {{values: Int16Array, cells: number}} logits of a square grid of cells x cells
 * @param {{side: number, left: number, top: number, width: number, height: number}} letterbox the square's side, and
 *   the place of the frame in it
 * @param {[number, number]} size width and height of the mask
 * @param {number} threshold an encoded logit
 * @returns {Uint8Array} 0 or 1 per pixel
 */
export function maskOf({ values, cells }, letterbox, [width, height], threshold) {
  const scale = cells / letterbox.side;
  const at = (position) => neighbors(position, cells);
  const columns = positions(width, letterbox.left, letterbox.width, scale).map(at);
  const rows = positions(height, letterbox.top, letterbox.height, scale).map(at);
  const mask = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const [row, nextRow, v] = rows[y];
    for (let x = 0; x < width; x++) {
      const [column, nextColumn, u] = columns[x];
      const above = values[row * cells + column] * (1 - u) + values[row * cells + nextColumn] * u;
      const below = values[nextRow * cells + column] * (1 - u) + values[nextRow * cells + nextColumn] * u;
      mask[y * width + x] = above * (1 - v) + below * v >= threshold;
    }
  }
  return mask;
}

/** The cells [left, top, right, bottom] in which the frame lies; right and bottom are exclusive. */
export function frameCells(cells, { side, left, top, width, height }) {
  const scale = cells / side;
  const end = (value) => Math.ceil((value * cells) / side);
  return [Math.floor(left * scale), Math.floor(top * scale), end(left + width), end(top + height)];
}

/**
 * Area and stability of the masks of consecutive frames, counted on the cells of the grid.
 * @param {Array<{values: Int16Array, cells: number}>} frames
 * @param {{values: Int16Array}|null} previous the frame before the first
 * @returns {Array<{area: number, iou: number|null}>} area: share of the frame.  iou: with the previous frame, null for
 *   the first frame of a video
 */
export function measureFrames(frames, previous, letterbox, threshold) {
  let before = previous?.values ?? null;
  return frames.map(({ values, cells }) => {
    const [left, top, right, bottom] = frameCells(cells, letterbox);
    let count = 0;
    let both = 0;
    let either = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const isInside = values[y * cells + x] >= threshold;
        const wasInside = before !== null && before[y * cells + x] >= threshold;
        count += isInside;
        both += isInside && wasInside;
        either += isInside || wasInside;
      }
    }
    const iou = either ? both / either : 1;
    const result = { area: count / Math.max(1, (right - left) * (bottom - top)), iou: before === null ? null : iou };
    before = values;
    return result;
  });
}
