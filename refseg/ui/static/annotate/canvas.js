// Draws the image's masks, and the preview of the tool in use.

import { drawMask } from "../shared/mask_drawing.js";

export function createCanvas({ root, find, state, constants }) {
  const masks = find("masks");
  const preview = find("preview");
  const image = find("editor-image");
  const context = masks.getContext("2d");
  const previewContext = preview.getContext("2d");

  /** The drawing of one object's mask. It is drawn again only when the mask or its style has changed. */
  function drawingOf(object) {
    const mask = state.masks.get(object.id);
    if (!mask) return null;
    const opacity = object.id === state.activeId ? constants.activeOpacity : constants.inactiveOpacity;
    const style = `${object.color} ${opacity}`;
    if (mask.drawing && mask.style === style) return mask.drawing;
    const [width, height] = state.image.view;
    const drawing = new OffscreenCanvas(width, height);
    const drawingContext = drawing.getContext("2d");
    const frame = drawingContext.createImageData(width, height);
    const pixels = drawMask(frame, mask.values, 128, { color: object.color, opacity, outline: true });
    drawingContext.putImageData(frame, 0, 0);
    Object.assign(mask, { drawing, style, pixels });
    return drawing;
  }

  return {
    previewContext,

    /** Draws all masks, the active one on top. */
    draw() {
      if (!state.image) return;
      context.clearRect(0, 0, masks.width, masks.height);
      if (state.image.problem) return;
      const isActive = ({ id }) => id === state.activeId;
      for (const object of [...state.objects.filter((one) => !isActive(one)), ...state.objects.filter(isActive)]) {
        const drawing = object.hidden ? null : drawingOf(object);
        if (drawing) context.drawImage(drawing, 0, 0);
      }
      const mask = state.masks.get(state.activeId);
      root.dataset.area = mask?.pixels === undefined ? "" : ((100 * mask.pixels) / mask.values.length).toFixed(3);
    },

    clearPreview() {
      previewContext.clearRect(0, 0, preview.width, preview.height);
    },

    /** Shows the open image, or why it cannot be shown. `uri` is absent when the browser has the image already. */
    showImage({ name, view, uri, problem }) {
      find("problem").textContent = problem ?? "";
      for (const part of ["tools", "objects"]) find(part).inert = Boolean(problem);
      if (!uri && !problem) return;
      for (const layer of [image, masks, preview]) [layer.width, layer.height] = view;
      image.alt = name;
      if (problem) image.removeAttribute("src");
      else image.src = uri;
    },

    /** Shows an empty canvas: no image is open. */
    clear() {
      image.removeAttribute("src");
      find("problem").textContent = "";
      for (const part of ["tools", "objects"]) find(part).inert = false;
      context.clearRect(0, 0, masks.width, masks.height);
      find("crop").hidden = true;
    },
  };
}
