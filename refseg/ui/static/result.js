// The picture with its mask. The probability map arrives once, as an 8-bit PNG; threshold, opacity, colour and outline are
// applied here, so no control waits for the server. `element`, `props` and `watch` are given by gr.HTML.

const root = element.querySelector(".rs-result");
const picture = root.querySelector(".rs-picture");
const overlay = root.querySelector(".rs-overlay");
const area = root.querySelector(".rs-area");
const readout = root.querySelector(".rs-readout");
const pen = overlay.getContext("2d");

let settings = { ...(props.value?.settings ?? {}) };
let probability = null;
let refined = null;
let generation = 0;
let scheduled = false;
let latest = [0, 0]; // when the picture that is shown was opened, and how often something new was shown of it

function draw() {
  scheduled = false;
  if (!probability) return;
  const values = refined ?? probability;
  const level = refined ? 128 : settings.threshold * 255;
  const frame = pen.createImageData(overlay.width, overlay.height);
  const count = paint(frame, values, level, settings);
  pen.putImageData(frame, 0, 0);
  const share = (100 * count) / values.length;
  area.textContent = `${share < 10 ? share.toFixed(1) : Math.round(share)} %`;
  root.dataset.area = share.toFixed(3);
}

function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(draw);
}

// Refined edges take a while: what was asked for before something else was shown comes too late. Without a picture, all that there was is over.
function late(order) {
  const [born, run] = order ?? [latest[0], Infinity];
  if (born < latest[0] || (born === latest[0] && run < latest[1])) return true;
  latest = [born, run];
  return false;
}

async function show(value) {
  if (late(value.order)) return;
  const mine = ++generation;
  const maps = value.state === "mask"
    ? await Promise.all([value.probability, value.refined].map((map) => map && grey(map, value.width, value.height)))
    : [null, null];
  if (mine !== generation) return;
  [probability, refined] = maps;
  if (value.picture) picture.src = value.picture;
  else picture.removeAttribute("src");
  picture.alt = value.alt ?? "";
  picture.width = overlay.width = value.width ?? 1;
  picture.height = overlay.height = value.height ?? 1;
  root.style.setProperty("--ratio", (value.width ?? 1) / (value.height ?? 1));
  delete root.dataset.area;
  readout.textContent = "";
  root.dataset.state = value.state;
  root.dataset.run = value.run ?? "";
  draw();
}

root.addEventListener("settings", (event) => {
  settings = { ...settings, ...event.detail };
  schedule();
});

overlay.addEventListener("pointermove", (event) => {
  if (!probability) return;
  const box = overlay.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * overlay.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * overlay.height);
  const value = probability[y * overlay.width + x];
  readout.textContent = value === undefined ? "" : `probability here ${(value / 255).toFixed(2)}`;
});
overlay.addEventListener("pointerleave", () => { readout.textContent = ""; });

watch("value", () => show(props.value));
show(props.value);
