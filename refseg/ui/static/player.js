// A clip with its masks. Frames are fetched once, a dozen at a time, while the run goes on; scrubbing, playing, threshold and all
// curves are computed here. `element`, `props`, `server` and `watch` are given by gr.HTML.

const root = element.querySelector(".rs-player");
const find = (name) => root.querySelector(`.rs-${name}`);
const picture = find("picture"), overlay = find("overlay"), scrub = find("scrub"), play = find("play"), doubt = find("doubt");
const clock = find("clock"), readout = find("readout"), chart = find("chart"), heat = find("heat"), labels = find("words"), weights = find("weights");
const cursors = root.querySelectorAll(".rs-cursor");
const pen = overlay.getContext("2d");
const STEADY = 0.5, SURE = 0.6; // as in refseg.inference.timeline

let settings = { threshold: 0.5, opacity: 0.5, colour: "#ff3d7f", outline: true, ...(props.value?.settings ?? {}) };
let value = { state: "empty", done: 0 };
let frames = [];
let current = 0;
let pulling = false;
let playing = null;
let curves = { areas: [], steadiness: [] };

// Logits arrive as whole numbers of two bytes, the lower one first.
function numbers(text) {
  const raw = atob(text);
  const values = new Int16Array(raw.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = raw.charCodeAt(2 * i) | (raw.charCodeAt(2 * i + 1) << 8);
  return values;
}

const level = () => Math.log(settings.threshold / (1 - settings.threshold)) * value.steps;

async function pull() {
  if (pulling) return;
  pulling = true;
  try {
    const run = value.run;
    while (run && run === value.run && frames.length < value.done) {
      const fresh = await server.clip_frames({ run, first: frames.length });
      if (run !== value.run || !fresh.length) break;
      const known = frames.length, following = current >= known - 1;
      for (const frame of fresh) frames.push({ ...frame, codes: numbers(frame.logits), logits: null });
      root.dataset.frames = frames.length;
      measure(known);
      drawHeat();
      if (following && !playing) show(frames.length - 1);
      else show(current);
    }
  } finally {
    pulling = false;
  }
}

// Area and IoU with the frame before, on the cells of the logits' grid that lie in the picture, from frame `first` on.
function measure(first) {
  const cut = level();
  curves.areas.length = curves.steadiness.length = first;
  let before = frames[first - 1]?.codes ?? null;
  for (const frame of frames.slice(first)) {
    const { cells, codes } = frame, { side, left, top, width, height } = value.box;
    const scale = cells / side;
    const [x0, x1] = [Math.floor(left * scale), Math.ceil((left + width) * scale)];
    const [y0, y1] = [Math.floor(top * scale), Math.ceil((top + height) * scale)];
    let count = 0, both = 0, either = 0;
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const here = codes[y * cells + x] >= cut, there = before !== null && before[y * cells + x] >= cut;
        count += here;
        both += here && there;
        either += here || there;
      }
    }
    curves.areas.push(count / Math.max(1, (x1 - x0) * (y1 - y0)));
    curves.steadiness.push(before === null ? null : either ? both / either : 1);
    before = codes;
  }
  drawChart();
}

function doubtful(number) {
  const frame = frames[number], steady = curves.steadiness[number];
  return frame.absent || frame.peak < SURE || (steady !== null && steady < STEADY);
}

function drawMask(frame) {
  const { width, height } = overlay, { cells, codes } = frame, box = value.box;
  const cut = level(), scale = cells / box.side;
  const inside = new Uint8Array(width * height);
  const columns = Array.from({ length: width }, (_, x) => tap((box.left + ((x + 0.5) / width) * box.width) * scale - 0.5, cells));
  for (let y = 0; y < height; y++) {
    const [a, b, v] = tap((box.top + ((y + 0.5) / height) * box.height) * scale - 0.5, cells);
    for (let x = 0; x < width; x++) {
      const [c, d, u] = columns[x];
      const above = codes[a * cells + c] * (1 - u) + codes[a * cells + d] * u;
      const below = codes[b * cells + c] * (1 - u) + codes[b * cells + d] * u;
      inside[y * width + x] = above * (1 - v) + below * v >= cut;
    }
  }
  const image = pen.createImageData(width, height);
  const count = paint(image, inside, 1, settings);
  pen.putImageData(image, 0, 0);
  return count / inside.length;
}

// Neighbouring cells of a position on the grid, and how far it lies towards the second.
function tap(position, cells) {
  const low = Math.min(Math.max(Math.floor(position), 0), cells - 1);
  return [low, Math.min(low + 1, cells - 1), Math.min(Math.max(position - low, 0), 1)];
}

function show(number) {
  current = Math.min(Math.max(number, 0), Math.max(frames.length - 1, 0));
  const frame = frames[current];
  scrub.max = Math.max(frames.length - 1, 0);
  scrub.value = current;
  if (!frame) return;
  if (picture.dataset.number !== `${value.run}#${current}`) {
    picture.src = frame.picture;
    picture.dataset.number = `${value.run}#${current}`;
  }
  picture.alt = `frame ${frame.index} with what was found for: ${value.expression}`;
  const area = drawMask(frame);
  root.dataset.current = current;
  root.dataset.area = (100 * area).toFixed(3);
  clock.textContent = `${frame.time.toFixed(2)} s · frame ${frame.index}`;
  const steady = curves.steadiness[current];
  const facts = [`${(100 * area).toFixed(1)} % of the picture`, `peak ${frame.peak.toFixed(2)}`];
  if (steady !== null && steady !== undefined) facts.push(`IoU with the frame before ${steady.toFixed(2)}`);
  if (frame.absent) facts.push("probably not in this frame");
  readout.textContent = facts.join(" · ");
  drawWeights(frame);
  for (const cursor of cursors) cursor.style.left = `${(100 * across(current, 1000)) / 1000}%`;
}

function fit(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth || 300;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [context, width, height];
}

const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
// Each frame has a column of its own on every plot: its middle, and the frame under the pointer.
const across = (number, width) => ((number + 0.5) / Math.max(1, value.total)) * width;
const under = (event, plot) => {
  const box = plot.getBoundingClientRect();
  return Math.floor(((event.clientX - box.left) / box.width) * value.total);
};

function drawChart() {
  if (root.dataset.state === "empty") return;
  const [context, width, height] = fit(chart, 84);
  frames.forEach((_, number) => {
    if (!doubtful(number)) return;
    context.fillStyle = colour("--rs-doubt");
    context.fillRect(across(number - 0.5, width), 0, Math.max(2, width / value.total), height);
  });
  const lines = [
    [frames.map((frame) => frame.peak), "--rs-peak"],
    [curves.steadiness, "--rs-steady"],
    [curves.areas.map((area) => Math.sqrt(area)), "--rs-area"],
  ];
  for (const [values, name] of lines) {
    context.beginPath();
    context.strokeStyle = colour(name);
    context.lineWidth = 1.6;
    let open = false;
    values.forEach((one, number) => {
      if (one === null) return;
      const x = across(number, width), y = height - 3 - one * (height - 6);
      if (open) context.lineTo(x, y);
      else context.moveTo(x, y);
      open = true;
    });
    context.stroke();
  }
  const count = frames.filter((_, number) => doubtful(number)).length;
  doubt.disabled = !count;
  doubt.textContent = count ? `Next doubtful frame (${count})` : "No doubtful frame";
  root.dataset.doubtful = count;
  chart.setAttribute("aria-label", `timeline of ${frames.length} frames, ${count} doubtful`);
}

function drawHeat() {
  const words = value.words ?? [];
  if (!words.length) return;
  const row = 20, [context, width, height] = fit(heat, row * words.length);
  if (labels.dataset.run !== value.run || labels.childElementCount !== words.length) {
    labels.dataset.run = value.run;
    labels.replaceChildren(...words.map((word) => Object.assign(document.createElement("span"), { textContent: word })));
  }
  const top = Math.max(...frames.flatMap((frame) => frame.words), 1e-6);
  const column = Math.max(1, width / Math.max(1, value.total));
  frames.forEach((frame, number) => {
    frame.words.forEach((share, word) => {
      context.globalAlpha = 0.06 + 0.94 * (share / top);
      context.fillStyle = colour("--rs-heat");
      context.fillRect(across(number - 0.5, width), word * row + 1, column, row - 2);
    });
  });
  context.globalAlpha = 1;
}

function drawWeights(frame) {
  const top = Math.max(...frame.weights, 1e-6);
  weights.replaceChildren(
    ...frame.weights.map((weight, position) => {
      const bar = document.createElement("i");
      bar.style.height = `${Math.max(4, (100 * weight) / top)}%`;
      if (frame.window[0] + position === frame.number) bar.className = "rs-here";
      bar.title = `frame ${frame.window[0] + position + 1}: ${(100 * weight).toFixed(1)} % of the attention`;
      return bar;
    }),
  );
}

function stop() {
  clearTimeout(playing);
  playing = null;
  play.textContent = "Play";
}

function step() {
  if (current >= frames.length - 1) return stop();
  show(current + 1);
  playing = setTimeout(step, 1000 / Math.min(30, Math.max(1, value.rate)));
}

play.addEventListener("click", () => {
  if (playing) return stop();
  if (current >= frames.length - 1) show(0);
  play.textContent = "Pause";
  playing = setTimeout(step, 0);
});
scrub.addEventListener("input", () => {
  stop();
  show(Number(scrub.value));
});
doubt.addEventListener("click", () => {
  stop();
  const order = [...frames.keys()].filter(doubtful);
  const next = order.find((number) => number > current) ?? order[0];
  if (next !== undefined) show(next);
});
for (const canvas of [chart, heat]) {
  canvas.addEventListener("pointerdown", (event) => {
    stop();
    show(under(event, canvas));
  });
}
heat.addEventListener("pointermove", (event) => {
  const number = under(event, heat);
  const word = Math.floor((event.clientY - heat.getBoundingClientRect().top) / 20);
  const share = frames[number]?.words[word];
  heat.title = share === undefined ? "" : `${value.words[word]}, frame ${frames[number].index}: ${share.toFixed(3)}`;
});
root.addEventListener("settings", (event) => {
  settings = { ...settings, ...event.detail };
  if (!frames.length) return;
  measure(0);
  show(current);
});
new ResizeObserver(() => frames.length && (drawChart(), drawHeat())).observe(chart);

function receive(next) {
  if (next.run !== value.run) {
    stop();
    frames = [];
    current = 0;
    curves = { areas: [], steadiness: [] };
    root.dataset.frames = 0;
    delete root.dataset.area;
    pen.clearRect(0, 0, overlay.width, overlay.height);
    picture.removeAttribute("src");
    if (next.aspect) {
      const scale = Math.min(1, 720 / Math.max(...next.aspect));
      overlay.width = picture.width = Math.max(1, Math.round(next.aspect[0] * scale));
      overlay.height = picture.height = Math.max(1, Math.round(next.aspect[1] * scale));
      root.style.setProperty("--ratio", next.aspect[0] / next.aspect[1]);
    }
  }
  value = next;
  root.dataset.state = next.state;
  root.dataset.run = next.run ?? "";
  root.dataset.done = next.done;
  pull();
}

watch("value", () => receive(props.value));
receive(props.value);
