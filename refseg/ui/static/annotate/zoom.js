// Zooms and moves the image: buttons, mouse wheel, two fingers.

import { finder } from "../shared/dom.js";
import { fitViewport, imageScale, pinchOf, toImage, toView, zoomViewport } from "./geometry.js";

const CROP_DELAY = 200; // milliseconds without movement before a sharper crop is requested
const CROP_FROM = 1.2; // screen pixels per view pixel from which the view looks blurred

export function createZoom(editor) {
  const { root, state, constants } = editor;
  const find = finder(root);
  const canvas = find("canvas");
  const content = find("content");
  const crop = find("crop");
  const touches = new Map(); // pointer id -> [x, y] on the canvas
  let isPinching = false;
  let cropTimer = null;

  const canvasSize = () => [canvas.clientWidth, canvas.clientHeight];
  const center = () => canvasSize().map((side) => side / 2);

  /** The position of a pointer event on the canvas. */
  function positionOf(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  function setViewport(viewport) {
    state.viewport = viewport;
    scheduleCrop();
    content.style.transform = `translate(${viewport.x}px, ${viewport.y}px) scale(${viewport.scale})`;
    content.style.setProperty("--scale", viewport.scale);
    root.dataset.zoom = viewport.scale.toFixed(3);
  }

  function fit() {
    if (state.image) setViewport(fitViewport(state.image.view, canvasSize()));
  }

  function zoomBy(factor, position = center()) {
    setViewport(zoomViewport(state.viewport, factor, position, constants.zoomRange));
  }

  /** From close by, the visible part of the image is shown in its original resolution. */
  function scheduleCrop() {
    clearTimeout(cropTimer);
    cropTimer = null;
    const { image, viewport } = state;
    const isSharp = viewport.scale * (window.devicePixelRatio || 1) < CROP_FROM;
    if (!image || image.problem || imageScale(image) <= 1 || isSharp) {
      crop.hidden = true;
      return;
    }
    const timer = setTimeout(() => loadCrop(timer), CROP_DELAY);
    cropTimer = timer;
  }

  async function loadCrop(timer) {
    if (!state.image) return;
    const corners = [[0, 0], canvasSize()].map((corner) => toImage(toView(corner, state.viewport), state.image));
    const answer = await editor.api.sendNow("crop", { points: corners }).catch(() => null);
    if (!answer || timer !== cropTimer || answer.name !== state.image?.name) return;
    const [left, top, right, bottom] = answer.box.map((value) => value / imageScale(state.image));
    const style = { left, top, width: right - left, height: bottom - top };
    for (const [name, value] of Object.entries(style)) crop.style[name] = `${value}px`;
    crop.src = answer.uri;
    await crop.decode().catch(() => null);
    if (timer === cropTimer) crop.hidden = false;
  }

  /** Two fingers zoom and move the image. What the first of them began to draw is canceled. */
  function onTouch(event) {
    if (event.pointerType !== "touch" || event.target.closest("button")) return;
    const before = touches.size === 2 ? pinchOf([...touches.values()]) : null;
    if (event.type === "pointerup" || event.type === "pointercancel") touches.delete(event.pointerId);
    else if (event.type === "pointerdown" || touches.has(event.pointerId)) {
      touches.set(event.pointerId, positionOf(event));
    }
    if (event.type === "pointerdown" && touches.size === 2 && state.image) {
      isPinching = true;
      canvas.setPointerCapture(event.pointerId);
      editor.tools.cancelStroke();
    }
    if (event.type === "pointermove" && isPinching && before && touches.size === 2) {
      const now = pinchOf([...touches.values()]);
      const { viewport } = state;
      state.viewport = { ...viewport, x: viewport.x + now.x - before.x, y: viewport.y + now.y - before.y };
      zoomBy(now.distance / before.distance, [now.x, now.y]);
    }
    if (isPinching) event.stopImmediatePropagation(); // the tools must not draw
    if (!touches.size) isPinching = false;
  }

  function onWheel(event) {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / 400), positionOf(event));
  }

  canvas.addEventListener("wheel", onWheel, { passive: false });
  for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
    canvas.addEventListener(type, onTouch, { capture: true });
  }
  new ResizeObserver(() => state.image && !state.stroke && fit()).observe(canvas);

  return { fit, zoomBy, setViewport, positionOf };
}
