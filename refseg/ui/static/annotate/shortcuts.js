// Keyboard shortcuts, and the dialog that lists them.

import { createElement } from "../shared/dom.js";

const ZOOM_STEP = 1.25;
const CLICKABLE = "button, a[href], input, select, [role=tab], [role=slider]"; // Space and Enter are theirs
const STEPPABLE = "input, select, [role=tab], [role=slider]"; // and so are the arrow keys
const TYPABLE = "input:not([type=range], [type=checkbox], [type=color], [type=file]), textarea, select";

/**
 * All shortcuts: { label, text, run, key, repeats }. label: what is printed on the key.  run: null for those that
 * `handle` implements.  key: `event.key` where it differs from the label.  repeats: whether holding the key
 * down repeats the action.
 */
function listShortcuts(editor, act) {
  const { state, find, tools, zoom, objectList } = editor;
  const step = (action) => (isRepeat) => (isRepeat && state.pendingRequests) || act(action);
  const scaleBrush = (factor) => tools.setBrushRadius(state.brushRadius * factor);
  return [
    { label: "B", text: "brush (Shift erases)", run: () => tools.choose("brush") },
    { label: "E", text: "eraser", run: () => tools.choose("eraser") },
    { label: "P", text: "positive click: belongs to the object", run: () => tools.choose("plus") },
    { label: "M", text: "negative click: does not belong to it", run: () => tools.choose("minus") },
    { label: "X", text: "box", run: () => tools.choose("box") },
    { label: "H", text: "move the image (or hold Space)", run: () => tools.choose("pan") },
    { label: "[", text: "smaller brush", run: () => scaleBrush(1 / ZOOM_STEP), repeats: true },
    { label: "]", text: "larger brush", run: () => scaleBrush(ZOOM_STEP), repeats: true },
    { label: "F", text: "fit the image", run: zoom.fit },
    { label: "+", text: "zoom in", run: () => act("zoom-in"), repeats: true },
    { label: "-", text: "zoom out", run: () => act("zoom-out"), repeats: true },
    { label: "/", text: "type an expression", run: () => find("predict-expression").focus() },
    { label: "1 … 9", text: "select an object", run: null },
    { label: "N", text: "new empty object", run: () => act("new-object") },
    { label: "V", text: "show or hide the object", run: () => objectList.toggleHidden() },
    { label: "R", text: "predict again", run: () => objectList.predictAgain() },
    { label: "Delete", text: "delete the object", run: () => objectList.remove() },
    { label: "→", text: "next image", run: step("next"), key: "ArrowRight", repeats: true },
    { label: "←", text: "previous image", run: step("previous"), key: "ArrowLeft", repeats: true },
    { label: "A", text: "accept and go to the next image", run: () => act("accept") },
    { label: "S", text: "skip the image", run: () => act("skip") },
    { label: "Ctrl Z", text: "undo", run: null },
    { label: "Ctrl Y", text: "redo (or Ctrl Shift Z)", run: null },
    { label: "Esc", text: "cancel the stroke or box", run: tools.cancelStroke, key: "Escape" },
    { label: "?", text: "show the shortcuts", run: () => act("shortcuts") },
  ];
}

export function createShortcuts(editor, act) {
  const { root, find, state, objectList } = editor;
  const shortcuts = listShortcuts(editor, act);
  const byKey = new Map(shortcuts.filter(({ run }) => run).map((one) => [one.key ?? one.label, one]));

  function isHandledBy(target, key) {
    if (key === " " || key === "Enter") return Boolean(target.closest?.(CLICKABLE));
    return key.startsWith("Arrow") && Boolean(target.closest?.(STEPPABLE));
  }

  function handleControl(event, key) {
    if (key !== "Z" && key !== "Y") return;
    event.preventDefault();
    if (!event.repeat) act(key === "Y" || event.shiftKey ? "redo" : "undo");
  }

  function handle(event, key) {
    if (key === " ") {
      state.isSpaceHeld = true;
      event.preventDefault();
    } else if (/^[1-9]$/.test(key)) {
      const object = state.objects[key - 1];
      if (object) objectList.select(object.id);
    } else {
      const shortcut = byKey.get(key);
      if (!shortcut) return;
      event.preventDefault();
      if (!event.repeat || shortcut.repeats) shortcut.run(event.repeat);
    }
  }

  function onKeyDown(event) {
    if (!root.isConnected) {
      document.removeEventListener("keydown", onKeyDown);
      return;
    }
    const isVisible = root.dataset.state === "work" && root.offsetParent && !root.querySelector("dialog[open]");
    if (!isVisible) return;
    const field = event.target.closest?.(TYPABLE);
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    if (event.ctrlKey || event.metaKey) handleControl(event, key);
    else if (!event.altKey && !isHandledBy(event.target, key)) handle(event, key);
  }

  find("shortcuts")
    .querySelector("dl")
    .append(
      ...shortcuts.flatMap(({ label, text }) => [
        createElement("dt", {}, createElement("kbd", { textContent: label })),
        createElement("dd", { textContent: text }),
      ]),
    );
  document.addEventListener("keydown", onKeyDown);
  document.addEventListener("keyup", (event) => {
    if (event.key === " ") state.isSpaceHeld = false;
  });
  window.addEventListener("blur", () => {
    state.isSpaceHeld = false; // the key may be released outside the window
  });
}
