// The image with its mask. The probability map arrives once, as an 8-bit PNG; threshold, opacity, color and outline are
// applied in the browser, so that no control waits for the server.

import { finder } from "../shared/dom.js";
import { drawMask, readGrayPixels } from "../shared/mask_drawing.js";
import { onSettings } from "../shared/overlay_settings.js";

/**
 * Decides which of several answers is the latest. Refined edges take a while and may arrive after a newer answer.
 * @returns {(order: [number, number] | null) => boolean} whether an answer is outdated; `order` is the time when the
 *   image was opened and the number of the answer about it, null when there is no image
 */
export function createOrderCheck() {
  let latest = [0, 0];
  return (order) => {
    const [opened, run] = order ?? [latest[0], Number.POSITIVE_INFINITY];
    if (opened < latest[0] || (opened === latest[0] && run < latest[1])) return true;
    latest = [opened, run];
    return false;
  };
}

export function mount({ element, props, watch }) {
  const root = element.querySelector(".rs-result");
  const find = finder(root);
  const image = find("base-image");
  const overlay = find("overlay");
  const context = overlay.getContext("2d");
  const isOutdated = createOrderCheck();
  const state = {
    settings: { ...props.value?.settings }, // threshold, opacity, color, outline
    probability: null, // Uint8Array of the overlay's size
    refined: null, // the mask after edge refinement, likewise; null when it is off
    generation: 0, // number of the latest value, so that slow decoding of an older one is dropped
    isScheduled: false, // whether a redraw waits for the next animation frame
  };

  function draw() {
    state.isScheduled = false;
    if (!state.probability) return;
    const values = state.refined ?? state.probability;
    const level = state.refined ? 128 : state.settings.threshold * 255;
    const frame = context.createImageData(overlay.width, overlay.height);
    const count = drawMask(frame, values, level, state.settings);
    context.putImageData(frame, 0, 0);
    const percent = (100 * count) / values.length;
    find("area").textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
    root.dataset.area = percent.toFixed(3);
  }

  async function show(value) {
    if (isOutdated(value.order)) return;
    const generation = ++state.generation;
    const maps = value.state === "mask" ? [value.probability, value.refined] : [null, null];
    const decoded = await Promise.all(maps.map((map) => map && readGrayPixels(map, value.width, value.height)));
    if (generation !== state.generation) return;
    [state.probability, state.refined] = decoded;
    if (value.image) image.src = value.image;
    else image.removeAttribute("src");
    image.alt = value.alt ?? "";
    image.width = overlay.width = value.width ?? 1;
    image.height = overlay.height = value.height ?? 1;
    root.style.setProperty("--ratio", (value.width ?? 1) / (value.height ?? 1));
    delete root.dataset.area;
    find("readout").textContent = "";
    root.dataset.state = value.state;
    root.dataset.run = value.run ?? "";
    draw();
  }

  onSettings(root, (changed) => {
    Object.assign(state.settings, changed);
    if (state.isScheduled) return;
    state.isScheduled = true;
    requestAnimationFrame(draw);
  });
  overlay.addEventListener("pointermove", (event) => {
    if (!state.probability) return;
    const box = overlay.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * overlay.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * overlay.height);
    const value = state.probability[y * overlay.width + x];
    find("readout").textContent = value === undefined ? "" : `probability ${(value / 255).toFixed(2)}`;
  });
  overlay.addEventListener("pointerleave", () => {
    find("readout").textContent = "";
  });
  watch("value", () => show(props.value));
  show(props.value);
}
