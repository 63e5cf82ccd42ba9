// The annotation tab. This module connects the others and shows what the server answers.

import { createElement, finder, formatCount } from "../shared/dom.js";
import { readGrayPixels } from "../shared/mask_drawing.js";
import { ApiClient } from "./api.js";
import { createBatch } from "./batch.js";
import { createCanvas } from "./canvas.js";
import { createImageList } from "./image_list.js";
import { createImportExport } from "./import_export.js";
import { createMessages } from "./messages.js";
import { createObjectList } from "./object_list.js";
import { createProjects } from "./projects.js";
import { createShortcuts } from "./shortcuts.js";
import { createState, receiveMasks, receiveObjects } from "./state.js";
import { createTools } from "./tools.js";
import { createZoom } from "./zoom.js";

const ZOOM_STEP = 1.25;

/**
 * @param {object} host what gr.HTML provides: element, server, upload ...
 * @param {object} constants what Python knows, see `editor_constants` in refseg/ui/annotate/tab.py
 */
export function mount(host, constants) {
  const root = host.element.querySelector(".rs-editor");
  const find = finder(root);
  const state = createState();
  const panes = [...root.querySelectorAll(".rs-pane")];
  const editor = { host, root, find, state, constants, receive, describeView };
  editor.pane = (name) => panes.find((pane) => pane.dataset.pane === name);
  editor.messages = createMessages(find);
  editor.api = new ApiClient((request) => host.server.edit(request), state, {
    receive,
    describeView,
    reportError: (error) => editor.messages.showError(error),
    reportPending: (count) => {
      root.dataset.pending = count;
    },
  });
  editor.canvas = createCanvas(editor);
  editor.zoom = createZoom(editor);
  editor.tools = createTools(editor);
  editor.objectList = createObjectList(editor);
  editor.imageList = createImageList(editor);
  editor.projects = createProjects(editor);
  createBatch(editor);
  createImportExport(editor);

  /** What a request that reloads everything has to name. */
  function describeView() {
    return { ...editor.imageList.selection(), author: find("author").value.trim() };
  }

  async function receive(answer) {
    if (answer.entries) state.entries = answer.entries;
    if (answer.project) find("project").textContent = answer.project;
    if ("undo_steps" in answer) {
      root.querySelector('[data-action="undo"]').disabled = !answer.undo_steps;
      root.querySelector('[data-action="redo"]').disabled = !answer.redo_steps;
      find("agreement").textContent = agreementText(answer.agreement);
      find("notes").replaceChildren(...answer.notes.map((text) => createElement("li", { textContent: text })));
      editor.messages.clear();
      await receiveImage(answer);
    }
    if (answer.entries) editor.imageList.render();
    else {
      if (answer.left) editor.imageList.updateEntry(answer.left);
      editor.imageList.markOpenImage();
    }
    root.dataset.answers = Number(root.dataset.answers ?? 0) + 1;
  }

  /** Shows the open image. Nothing changes on the screen before all masks are decoded. */
  async function receiveImage({ image, objects, masks }) {
    const decoded = image && !image.problem ? await decodeMasks(image, masks) : [];
    const previous = state.image;
    const isSameImage = previous?.name === image?.name;
    if (!isSameImage && state.stroke) editor.tools.cancelStroke();
    state.image = image;
    root.dataset.image = image?.name ?? "";
    find("drop-hint").hidden = Boolean(image);
    if (!image) return clearImage();
    receiveObjects(state, objects, isSameImage);
    if (!isSameImage) find("crop").hidden = true;
    editor.canvas.showImage(image);
    receiveMasks(state, decoded);
    if (!isSameImage || image.problem || previous.problem) editor.zoom.fit();
    editor.objectList.render();
    editor.canvas.draw();
  }

  function clearImage() {
    Object.assign(state, { objects: [], masks: new Map(), activeId: null });
    editor.canvas.clear();
    editor.objectList.render();
  }

  /** Accepts or skips the open image and goes to the next. A second key press before the answer does nothing. */
  async function setState(newState) {
    const { image } = state;
    if (!image || state.pendingStates.has(image.name) || (image.problem && newState === "accepted")) return;
    state.pendingStates.add(image.name);
    await editor.api.request("set_state", { image: image.name, state: newState, then_next: true });
    state.pendingStates.delete(image.name);
  }

  function removeImage() {
    if (!state.image) return;
    const { name } = state.image;
    const dialog = find("confirm");
    dialog.querySelector("p").textContent = `Remove ${name} and its objects from the project? This cannot be undone.`;
    dialog.returnValue = "";
    dialog.onclose = () => dialog.returnValue && editor.api.request("remove_image", { name });
    dialog.showModal();
  }

  function addObject() {
    if (state.image && !state.image.problem) editor.tools.requestEdit("update_object", editor.tools.createObject());
  }

  const actions = {
    undo: () => editor.api.request("undo"),
    redo: () => editor.api.request("redo"),
    previous: () => editor.api.request("step", { by: -1 }),
    next: () => editor.api.request("step", { by: 1 }),
    accept: () => setState("accepted"),
    skip: () => setState("skipped"),
    remove: removeImage,
    "new-object": addObject,
    fit: editor.zoom.fit,
    "zoom-in": () => editor.zoom.zoomBy(ZOOM_STEP),
    "zoom-out": () => editor.zoom.zoomBy(1 / ZOOM_STEP),
    shortcuts: () => find("shortcuts").showModal(),
    close: editor.projects.close,
  };
  const act = (name) => actions[name]();

  createShortcuts(editor, act);
  for (const button of root.querySelectorAll("[data-action]")) {
    button.addEventListener("click", () => act(button.dataset.action));
  }
  for (const button of root.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => {
      for (const pane of panes) {
        pane.dataset.shown = pane.dataset.pane === button.dataset.open && pane.dataset.shown !== "true";
      }
    });
  }
  editor.tools.choose("brush");
  editor.tools.setBrushRadius(state.brushRadius);
  editor.projects.start().catch((error) => editor.messages.showError(error));
}

/** Decodes the masks of an answer to the view's size: [id, values]. A mask that is null is empty. */
function decodeMasks({ view: [width, height] }, masks) {
  const decode = (uri) => (uri ? readGrayPixels(uri, width, height) : new Uint8Array(width * height));
  return Promise.all(Object.entries(masks ?? {}).map(async ([id, uri]) => [id, await decode(uri)]));
}

/** How far the model's masks agree with the corrected or accepted ones. */
function agreementText({ iou, count }) {
  return count ? `model vs. you: IoU ${iou.toFixed(2)} over ${formatCount(count, "mask")}` : "";
}
