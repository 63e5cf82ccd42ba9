// The plots under the video: curves, word heatmap, and attention to neighboring frames. Every frame has one column.

export const HEATMAP_ROW = 20; // CSS pixels per word
const CHART_HEIGHT = 84;
const CURVE_MARGIN = 3;

/** Sizes a canvas for the screen's pixel density. */
function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth || 300;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

const cssColor = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

/** Where the middle of a frame's column is, as a share of the plot's width. */
export const columnCenter = (number, total) => (number + 0.5) / Math.max(1, total);

/** The number of the frame at a share of the plot's width. */
export const frameAt = (share, total) => Math.floor(share * total);

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{total: number, curves: Array<{values: Array<number|null>, color: string}>, marked: number[]}} data
 *   values: 0..1, null for none.  color: name of a CSS variable.  marked: numbers of the frames to mark
 */
export function drawChart(canvas, { total, curves, marked }) {
  const { context, width, height } = prepare(canvas, CHART_HEIGHT);
  context.fillStyle = cssColor(canvas, "--rs-uncertain");
  for (const number of marked) context.fillRect((number / total) * width, 0, Math.max(2, width / total), height);
  for (const { values, color } of curves) {
    context.beginPath();
    context.strokeStyle = cssColor(canvas, color);
    context.lineWidth = 1.6;
    values.forEach((value, number) => {
      if (value === null) return;
      const x = columnCenter(number, total) * width;
      const y = height - CURVE_MARGIN - value * (height - 2 * CURVE_MARGIN);
      context.lineTo(x, y); // begins the path if it is the first point
    });
    context.stroke();
  }
}

/** Draws the attention of each word by frame: `frames` is a list of shares per word. */
export function drawWordHeatmap(canvas, frames, wordCount, total) {
  const { context, width } = prepare(canvas, HEATMAP_ROW * wordCount);
  const top = Math.max(...frames.flat(), 1e-6);
  const column = Math.max(1, width / Math.max(1, total));
  context.fillStyle = cssColor(canvas, "--rs-heat");
  frames.forEach((shares, number) => {
    shares.forEach((share, word) => {
      context.globalAlpha = 0.06 + 0.94 * (share / top);
      context.fillRect((number / Math.max(1, total)) * width, word * HEATMAP_ROW + 1, column, HEATMAP_ROW - 2);
    });
  });
  context.globalAlpha = 1;
}

/** Shows how much a frame attends to each frame of its window, as bars. */
export function drawFrameWeights(box, { weights, window: [first], number }) {
  const top = Math.max(...weights, 1e-6);
  const bars = weights.map((weight, position) => {
    const bar = document.createElement("i");
    bar.style.height = `${Math.max(4, (100 * weight) / top)}%`;
    bar.title = `frame ${first + position + 1}: ${(100 * weight).toFixed(1)} % of the attention`;
    if (first + position === number) bar.className = "rs-current";
    return bar;
  });
  box.replaceChildren(...bars);
}
