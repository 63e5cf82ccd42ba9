// Keys, and the sheet that lists them.

const held = new Set();
const PRESSED = "button, a[href], input, select, [role=tab], [role=slider]"; // what acts upon Space and Enter itself,
const MOVED = "input, select, [role=tab], [role=slider]"; // and upon arrows

// [what is on the key, what it does, how, { key: its name where that is another, repeats: whether it goes on while the key is held }]
const KEYS = [
  ["B", "brush (Shift erases)", () => choose("brush")],
  ["E", "eraser", () => choose("eraser")],
  ["P", "point: belongs to it", () => choose("plus")],
  ["M", "point: does not", () => choose("minus")],
  ["X", "box", () => choose("box")],
  ["H", "move the picture (or hold Space)", () => choose("pan")],
  ["[", "smaller brush", () => resize(1 / 1.25), { repeats: true }],
  ["]", "larger brush", () => resize(1.25), { repeats: true }],
  ["F", "whole picture", fit],
  ["+", "zoom in", () => zoomBy(1.25), { repeats: true }],
  ["-", "zoom out", () => zoomBy(0.8), { repeats: true }],
  ["/", "say what to find", () => find("sentence").focus()],
  ["1 … 9", "choose a mask", null],
  ["N", "a new empty mask", () => act("blank")],
  ["V", "show or hide the mask", () => layer(active) && change("describe", { layer: active, hidden: !layer(active).hidden })],
  ["R", "ask the model again", () => layer(active)?.expressions.length && change("find", { expression: layer(active).expressions[0] }).then(follow)],
  ["Delete", "delete the mask", () => layer(active) && change("delete", { layer: active })],
  ["→", "next picture", (again) => (again && pending) || act("forth"), { key: "ArrowRight", repeats: true }],
  ["←", "picture before", (again) => (again && pending) || act("back"), { key: "ArrowLeft", repeats: true }],
  ["A", "accept and go on", () => act("accept")],
  ["S", "skip", () => act("skip")],
  ["Ctrl Z", "undo", null],
  ["Ctrl Y", "do again (or Ctrl Shift Z)", null],
  ["Esc", "give up the stroke or box under way", abandon, { key: "Escape" }],
  ["?", "this sheet", () => act("sheet")],
];

function resize(factor) {
  brush = Math.min(120, Math.max(1, brush * factor));
  find("size").value = brush;
}

find("keys").querySelector("dl").append(...KEYS.flatMap(([name, text]) => [make("dt", {}, make("kbd", { textContent: name })), make("dd", { textContent: text })]));

function isForTarget(target, name) {
  if (name === " " || name === "Enter") return Boolean(target.closest?.(PRESSED));
  return name.startsWith("Arrow") && Boolean(target.closest?.(MOVED));
}

function pressed(event) {
  if (!root.isConnected) return document.removeEventListener("keydown", pressed);
  if (root.dataset.state !== "work" || !root.offsetParent || root.querySelector("dialog[open]")) return;
  const typing = event.target.closest?.("input:not([type=range], [type=checkbox], [type=color], [type=file]), textarea, select");
  if (typing) return event.key === "Escape" && typing.blur();
  const name = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  if (event.ctrlKey || event.metaKey) {
    if (name === "Z" || name === "Y") {
      event.preventDefault();
      if (!event.repeat) ask(name === "Y" || event.shiftKey ? "redo" : "undo");
    }
    return;
  }
  if (event.altKey || isForTarget(event.target, name)) return;
  if (name === " ") {
    held.add(" ");
    return event.preventDefault();
  }
  if (/^[1-9]$/.test(name)) return layers[name - 1] && select(layers[name - 1].id);
  const [, , does, { repeats } = {}] = KEYS.find(([shown, , does, { key } = {}]) => does && (key ?? shown) === name) ?? [];
  if (!does) return;
  event.preventDefault();
  if (!event.repeat || repeats) does(event.repeat);
}

document.addEventListener("keydown", pressed);
document.addEventListener("keyup", (event) => held.delete(event.key));
window.addEventListener("blur", () => held.clear()); // a key let go elsewhere is not told
