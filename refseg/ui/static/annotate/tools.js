// The tools: brush, eraser, positive and negative clicks, box, and moving the image.

import { boxOf, clamp, fillDisc, imageScale, pointsAlong, toImage, toView } from "./geometry.js";
import { activeObject, addNewObject, beginChange, endChange, findObject } from "./state.js";

/**
 * A drag in progress, `state.stroke`:
 *   { kind: "pan", x, y }                               pointer position minus viewport position
 *   { kind: "draw", id, add, radius, points, values, before, isScheduled }   brush or eraser, in view pixels;
 *                                                       `values` is the object's mask, `before` its state at the start
 *   { kind: "plus" | "minus" | "box", start, end, add } in view pixels
 */
export function createTools(editor) {
  const { root, find, state, constants, canvas } = editor;
  const panel = find("canvas");

  const pointOf = (event) => toView(editor.zoom.positionOf(event), state.viewport);
  const radiusInView = () => Math.max(0.6, state.brushRadius / state.viewport.scale);

  function choose(tool) {
    state.tool = tool;
    root.dataset.tool = tool;
    for (const button of root.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", button.dataset.tool === tool);
    }
    canvas.clearPreview();
  }

  function setBrushRadius(radius) {
    state.brushRadius = clamp(radius, ...constants.brushRange);
    find("brush-size").value = state.brushRadius;
  }

  const createObject = () => addNewObject(state, constants.defaultColor);

  function finishChange(id) {
    if (!endChange(state, id)) return;
    editor.objectList.render();
    canvas.draw();
  }

  /** Requests a change of an object's mask; the server makes the object when it is new. */
  function requestEdit(action, id, details = {}) {
    beginChange(state, id);
    const isNew = findObject(state, id)?.isNew ? { is_new: true } : {};
    return editor.api.requestChange(action, { object: id, ...isNew, ...details }).finally(() => finishChange(id));
  }

  /** Draws into the mask in the browser, so that the stroke is visible before the server has answered. */
  function extendStroke(stroke, point) {
    const from = stroke.points.at(-1) ?? point;
    for (const center of pointsAlong(from, point, Math.max(1, stroke.radius / 3))) {
      fillDisc(stroke.values, state.image.view, center, stroke.radius, stroke.add ? 255 : 0);
    }
    stroke.points.push(point);
    const mask = state.masks.get(stroke.id);
    if (mask) mask.drawing = null;
    if (stroke.isScheduled) return;
    stroke.isScheduled = true;
    requestAnimationFrame(() => {
      stroke.isScheduled = false;
      canvas.draw();
    });
  }

  function startStroke(event) {
    const { tool, viewport } = state;
    const start = pointOf(event);
    if (tool === "pan" || event.button === 1 || event.altKey || state.isSpaceHeld) {
      state.stroke = { kind: "pan", x: event.clientX - viewport.x, y: event.clientY - viewport.y };
    } else if (tool === "brush" || tool === "eraser") {
      if (tool === "eraser" && !activeObject(state)) {
        editor.messages.show("The eraser needs a mask. Choose an object first.");
        return;
      }
      const id = activeObject(state)?.id ?? createObject();
      beginChange(state, id);
      const { values } = state.masks.get(id);
      const add = tool === "brush" && !event.shiftKey;
      const radius = radiusInView();
      state.stroke = { kind: "draw", id, add, radius, points: [], values, before: values.slice(), isScheduled: false };
      extendStroke(state.stroke, start);
    } else {
      const add = tool === "plus" ? !event.shiftKey : event.shiftKey;
      state.stroke = { kind: tool, start, end: start, add };
    }
  }

  function onPointerDown(event) {
    if (event.target.closest("button") || !state.image || state.image.problem || state.stroke || event.button > 1)
      return;
    document.activeElement?.blur(); // so that keys reach the tools
    panel.setPointerCapture(event.pointerId);
    startStroke(event);
    event.preventDefault();
  }

  function drawPreview(point) {
    const pen = canvas.previewContext;
    Object.assign(pen, {
      lineWidth: 1.5 / state.viewport.scale,
      strokeStyle: "#fff",
      shadowColor: "#000",
      shadowBlur: 2,
    });
    if (state.stroke?.kind === "box") {
      pen.strokeRect(...boxOf(state.stroke.start, point));
    } else if (state.tool === "brush" || state.tool === "eraser") {
      pen.beginPath();
      pen.arc(point[0], point[1], radiusInView(), 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  function onPointerMove(event) {
    const { stroke } = state;
    if (!state.image) return;
    canvas.clearPreview();
    if (stroke?.kind === "pan") {
      const { scale } = state.viewport;
      editor.zoom.setViewport({ scale, x: event.clientX - stroke.x, y: event.clientY - stroke.y });
      return;
    }
    const point = pointOf(event);
    if (stroke?.kind === "draw") extendStroke(stroke, point);
    if (stroke?.kind === "box") stroke.end = point;
    drawPreview(point);
  }

  function onPointerUp() {
    const { stroke, image } = state;
    state.stroke = null;
    canvas.clearPreview();
    if (!stroke || stroke.kind === "pan") return;
    const inImage = (point) => toImage(point, image);
    if (stroke.kind === "draw") {
      const points = stroke.points.map(inImage);
      requestEdit("brush", stroke.id, { points, radius: stroke.radius * imageScale(image), add: stroke.add });
      finishChange(stroke.id);
      return;
    }
    const id = activeObject(state)?.id ?? createObject();
    if (stroke.kind === "box") requestEdit("box", id, { points: [stroke.start, stroke.end].map(inImage) });
    else requestEdit("click", id, { points: [inImage(stroke.start)], add: stroke.add });
  }

  /** Ends the drag without a change: the mask is as it was before. */
  function cancelStroke() {
    const { stroke } = state;
    state.stroke = null;
    if (stroke?.kind === "draw") {
      stroke.values.set(stroke.before);
      state.masks.get(stroke.id).drawing = null;
      finishChange(stroke.id);
    }
    canvas.clearPreview();
    canvas.draw();
  }

  panel.addEventListener("pointerdown", onPointerDown);
  panel.addEventListener("pointermove", onPointerMove);
  panel.addEventListener("pointerup", onPointerUp);
  panel.addEventListener("pointercancel", cancelStroke);
  panel.addEventListener("lostpointercapture", () => state.stroke && cancelStroke());
  panel.addEventListener("pointerleave", () => state.stroke || canvas.clearPreview());
  find("brush-size").addEventListener("input", (event) => {
    state.brushRadius = Number(event.target.value);
  });
  for (const button of root.querySelectorAll("[data-tool]")) {
    button.addEventListener("click", (event) => {
      choose(button.dataset.tool);
      if (event.detail) button.blur(); // clicked with the mouse: Space then moves the image
    });
  }

  return { choose, setBrushRadius, createObject, requestEdit, cancelStroke };
}
