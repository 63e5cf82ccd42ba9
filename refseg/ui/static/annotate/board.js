// The picture with its masks: drawing, and the tools. Positions are in pixels of the view, which is the picture reduced for the screen.

const board = find("board"), paper = find("sheet"), photo = find("photo"), canvas = find("layers"), draft = find("draft");
const pen = canvas.getContext("2d"), pencil = draft.getContext("2d");
const OPACITY = 0.45, WIDEST = 24;

let picture = null; // what the server says of it
let layers = [];
let masks = new Map(); // id -> { values, image } of the view's size
let active = null; // id of the layer that tools work on
let tool = "brush";
let brush = 16; // radius, in pixels of the screen
let stroke = null;

const layer = (id) => layers.find((one) => one.id === id);
const settled = () => layers.filter(({ fresh }) => !fresh); // without those that the server does not know yet
const reduction = () => picture.width / picture.view[0];

// The masks of an answer, brought to the view of its picture: [id, values] of each.
function decoded({ picture, masks }) {
  const [width, height] = picture.view;
  return Promise.all(Object.entries(masks ?? {}).map(async ([id, uri]) => [id, uri ? await grey(uri, width, height) : new Uint8Array(width * height)]));
}

function takeMasks(told) {
  for (const [id, values] of told) {
    if (stroke?.id === id) stroke.before = values; // the hand is on this mask: what it draws is answered next
    else if (!(hands.get(id) > 1 && masks.has(id))) masks.set(id, { values, image: null }); // else what was drawn since is answered next
  }
  for (const id of [...masks.keys()]) if (!layer(id)) masks.delete(id);
}

// A layer's mask as a picture of its own, made when it has changed.
function painted(one) {
  const mask = masks.get(one.id);
  if (!mask) return null;
  const look = `${one.colour} ${one.id === active}`;
  if (mask.image && mask.look === look) return mask.image;
  const [width, height] = picture.view;
  const image = new OffscreenCanvas(width, height), context = image.getContext("2d");
  const frame = context.createImageData(width, height);
  mask.count = paint(frame, mask.values, 128, { colour: one.colour, opacity: one.id === active ? OPACITY : OPACITY / 2, outline: true });
  context.putImageData(frame, 0, 0);
  Object.assign(mask, { image, look });
  return image;
}

function draw() {
  if (!picture) return;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (picture.problem) return;
  for (const one of [...layers.filter(({ id }) => id !== active), ...layers.filter(({ id }) => id === active)]) {
    const image = one.hidden ? null : painted(one);
    if (image) pen.drawImage(image, 0, 0);
  }
  const mask = masks.get(active);
  root.dataset.area = mask?.count === undefined ? "" : ((100 * mask.count) / mask.values.length).toFixed(3);
}

// --- masks that are changed here before the server has answered

const hands = new Map(); // id of a layer -> how many strokes and requests under way will change its mask

const hold = (id) => hands.set(id, (hands.get(id) ?? 0) + 1);

function release(id) {
  if (hands.get(id) > 1) return hands.set(id, hands.get(id) - 1);
  hands.delete(id);
  if (!layer(id)?.fresh) return;
  layers = layers.filter((one) => one.id !== id); // nothing has come of it
  masks.delete(id);
  if (active === id) active = layers.at(-1)?.id ?? null;
  listThings();
  draw();
}

// A mask that the server does not know yet. It is named here, so that a second stroke is for the same one though the first is not answered.
function newMask() {
  const id = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  layers = [...layers, { id, colour: "#ff3d7f", expressions: [], fresh: true }];
  masks.set(id, { values: new Uint8Array(picture.view[0] * picture.view[1]), image: null });
  active = id;
  return id;
}

// Asks for a change of a layer's mask; the server makes the layer where it is new.
function correct(what, id, details = {}) {
  hold(id);
  const fresh = layer(id)?.fresh ? { fresh: true } : {};
  return change(what, { layer: id, ...fresh, ...details }).finally(() => release(id));
}

// --- tools

function where(event) {
  const box = board.getBoundingClientRect();
  return [(event.clientX - box.left - zoom.x) / zoom.scale, (event.clientY - box.top - zoom.y) / zoom.scale];
}

const inPicture = ([x, y]) => [x * reduction(), y * reduction()];
const radius = () => Math.max(0.6, brush / zoom.scale); // in pixels of the view

function choose(name) {
  tool = name;
  root.dataset.tool = name;
  for (const button of root.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", button.dataset.tool === name);
  pencil.clearRect(0, 0, draft.width, draft.height);
}

function clean() {
  pencil.clearRect(0, 0, draft.width, draft.height);
}

// A round mark into the mask at hand, so that the hand sees at once what the server will answer in a moment.
function stamp(values, [x, y], reach, value) {
  const [width, height] = picture.view;
  for (let row = Math.max(0, Math.floor(y - reach)); row <= Math.min(height - 1, y + reach); row++) {
    const half = Math.sqrt(Math.max(0, reach * reach - (row + 0.5 - y) ** 2));
    const first = Math.max(0, Math.ceil(x - half - 0.5)), last = Math.min(width - 1, Math.floor(x + half - 0.5));
    if (last >= first) values.fill(value, row * width + first, row * width + last + 1);
  }
}

function paintAlong(to) {
  const from = stroke.points.at(-1) ?? to, { reach } = stroke;
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / Math.max(1, reach / 3)));
  for (let step = 1; step <= steps; step++) {
    const share = step / steps;
    stamp(stroke.values, [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share], reach, stroke.add ? 255 : 0);
  }
  stroke.points.push(to);
  const mask = masks.get(stroke.id);
  if (mask) mask.image = null;
  if (!stroke.scheduled) {
    stroke.scheduled = true;
    requestAnimationFrame(() => {
      if (stroke) stroke.scheduled = false;
      draw();
    });
  }
}

function begin(event) {
  if (!picture || picture.problem || stroke || event.button > 1) return;
  document.activeElement?.blur(); // keys are for the tools again
  const start = where(event);
  const moving = tool === "pan" || event.button === 1 || event.altKey || held.has(" ");
  board.setPointerCapture(event.pointerId);
  if (moving) {
    stroke = { kind: "pan", x: event.clientX - zoom.x, y: event.clientY - zoom.y };
  } else if (tool === "brush" || tool === "eraser") {
    if (tool === "eraser" && !layer(active)) return tell("Choose a mask first: the eraser needs one.", "info");
    const id = layer(active) ? active : newMask();
    hold(id);
    const { values } = masks.get(id);
    stroke = { kind: "draw", id, add: tool === "brush" && !event.shiftKey, reach: radius(), points: [], values, before: values.slice() };
    paintAlong(start);
  } else {
    stroke = { kind: tool, start, end: start, add: tool === "plus" ? !event.shiftKey : event.shiftKey };
  }
  event.preventDefault();
}

function move(event) {
  if (!picture) return;
  const here = where(event);
  clean();
  if (stroke?.kind === "pan") {
    zoom = { ...zoom, x: event.clientX - stroke.x, y: event.clientY - stroke.y };
    return place();
  }
  if (stroke?.kind === "draw") paintAlong(here);
  pencil.lineWidth = 1.5 / zoom.scale;
  pencil.strokeStyle = "#fff";
  pencil.shadowColor = "#000";
  pencil.shadowBlur = 2;
  if (stroke?.kind === "box") {
    stroke.end = here;
    const [[x, y], [u, v]] = [stroke.start, here];
    pencil.strokeRect(Math.min(x, u), Math.min(y, v), Math.abs(u - x), Math.abs(v - y));
  } else if (tool === "brush" || tool === "eraser") {
    pencil.beginPath();
    pencil.arc(here[0], here[1], radius(), 0, 2 * Math.PI);
    pencil.stroke();
  }
}

function end() {
  const done = stroke;
  stroke = null;
  clean();
  if (!done || done.kind === "pan") return;
  if (done.kind === "draw") {
    correct("draw", done.id, { points: done.points.map(inPicture), radius: done.reach * reduction(), add: done.add });
    release(done.id);
    return;
  }
  const id = layer(active) ? active : newMask();
  if (done.kind === "box") correct("box", id, { points: [done.start, done.end].map(inPicture) });
  else correct("click", id, { points: [inPicture(done.start)], add: done.add });
}

// What was begun is not done: the mask is as it was before.
function abandon() {
  const undone = stroke;
  stroke = null;
  if (undone?.kind === "draw") {
    undone.values.set(undone.before);
    masks.get(undone.id).image = null;
    release(undone.id);
  }
  clean();
  draw();
}

board.addEventListener("pointerdown", (event) => event.target.closest("button") || begin(event));
board.addEventListener("pointermove", move);
board.addEventListener("pointerup", end);
board.addEventListener("pointercancel", abandon);
board.addEventListener("lostpointercapture", () => stroke && abandon());
board.addEventListener("pointerleave", () => stroke || clean());
find("size").addEventListener("input", (event) => (brush = Number(event.target.value)));
for (const button of root.querySelectorAll("[data-tool]"))
  button.addEventListener("click", (event) => {
    choose(button.dataset.tool);
    if (event.detail) button.blur(); // pressed with the mouse: Space is for moving the picture
  });
