// A video with its masks. Frames are fetched once, a dozen at a time, during the run. Scrubbing, playing, the threshold
// and all curves are computed here, so that no control waits for the server.

import { finder } from "../shared/dom.js";
import { drawMask } from "../shared/mask_drawing.js";
import { onSettings } from "../shared/overlay_settings.js";
import { columnCenter, drawChart, drawFrameWeights, drawWordHeatmap, frameAt, HEATMAP_ROW } from "./charts.js";
import { decodeLogits, encodeThreshold, maskOf, measureFrames } from "./logits.js";

const MAX_FRAMES_PER_SECOND = 30;

/** Whether a user should check a frame: its answer is uncertain, or its mask differs from the previous frame's. */
export function isUncertain(frame, measured, minStableIou) {
  return frame.uncertain || (measured.iou !== null && measured.iou < minStableIou);
}

/**
 * @param {object} host what gr.HTML provides
 * @param {{minStableIou: number, maxSide: number}} constants
 */
export function mount({ element, props, server, watch }, constants) {
  const root = element.querySelector(".rs-player");
  const find = finder(root);
  const [image, overlay, scrub, play] = ["base-image", "overlay", "scrub", "play"].map(find);
  const [chart, heatmap, labels] = ["chart", "word-heatmap", "word-labels"].map(find);
  const context = overlay.getContext("2d");
  const state = {
    settings: { ...props.value?.settings }, // threshold, opacity, color, outline
    run: { state: "empty", done: 0 }, // the widget's value: see VideoPage in refseg/ui/video
    frames: [], // fetched frames: what the server sent, and `values`, the logits
    measured: [], // { area, iou } of each frame at the present threshold
    current: 0, // number of the frame that is shown
    isFetching: false,
    timer: null, // of the next frame while the video plays
  };

  const threshold = () => encodeThreshold(state.settings.threshold, state.run.steps);
  const uncertainFrames = () =>
    [...state.frames.keys()].filter((i) => isUncertain(state.frames[i], state.measured[i], constants.minStableIou));

  async function fetchFrames() {
    if (state.isFetching) return;
    state.isFetching = true;
    try {
      const { run } = state.run;
      while (run && run === state.run.run && state.frames.length < state.run.done) {
        const fetched = await server.clip_frames({ run, first: state.frames.length });
        if (run !== state.run.run || !fetched.length) break;
        addFrames(fetched);
      }
    } finally {
      state.isFetching = false;
    }
  }

  function addFrames(fetched) {
    const known = state.frames.length;
    const isFollowing = state.current >= known - 1 && !state.timer;
    for (const frame of fetched) state.frames.push({ ...frame, values: decodeLogits(frame.logits), logits: null });
    root.dataset.frames = state.frames.length;
    measureFrom(known);
    renderHeatmap();
    show(isFollowing ? state.frames.length - 1 : state.current);
  }

  function measureFrom(first) {
    const previous = state.frames[first - 1] ?? null;
    const measured = measureFrames(state.frames.slice(first), previous, state.run.letterbox, threshold());
    state.measured = [...state.measured.slice(0, first), ...measured];
    renderChart();
  }

  function show(number) {
    state.current = Math.min(Math.max(number, 0), Math.max(state.frames.length - 1, 0));
    const frame = state.frames[state.current];
    scrub.max = Math.max(state.frames.length - 1, 0);
    scrub.value = state.current;
    if (!frame) return;
    const shown = `${state.run.run}#${state.current}`;
    if (image.dataset.frame !== shown) Object.assign(image, { src: frame.image }).dataset.frame = shown;
    image.alt = `frame ${frame.index} with the mask of: ${state.run.expression}`;
    const size = [overlay.width, overlay.height];
    const drawing = context.createImageData(...size);
    const count = drawMask(drawing, maskOf(frame, state.run.letterbox, size, threshold()), 1, state.settings);
    context.putImageData(drawing, 0, 0);
    const area = count / (size[0] * size[1]);
    root.dataset.current = state.current;
    root.dataset.area = (100 * area).toFixed(3);
    find("time").textContent = `${frame.time.toFixed(2)} s · frame ${frame.index}`;
    find("readout").textContent = factsOf(frame, area, state.measured[state.current]?.iou ?? null);
    drawFrameWeights(find("frame-weights"), frame);
    const left = `${100 * columnCenter(state.current, state.run.total)}%`;
    for (const cursor of root.querySelectorAll(".rs-cursor")) cursor.style.left = left;
  }

  function renderChart() {
    if (root.dataset.state === "empty") return;
    const marked = uncertainFrames();
    const curves = [
      { values: state.frames.map(({ peak }) => peak), color: "--rs-peak" },
      { values: state.measured.map(({ iou }) => iou), color: "--rs-stability" },
      { values: state.measured.map(({ area }) => Math.sqrt(area)), color: "--rs-area" },
    ];
    drawChart(chart, { total: state.run.total, curves, marked });
    const button = find("next-uncertain");
    button.disabled = !marked.length;
    button.textContent = marked.length ? `Next uncertain frame (${marked.length})` : "No uncertain frame";
    root.dataset.uncertain = marked.length;
    chart.setAttribute("aria-label", `Timeline of ${state.frames.length} frames, ${marked.length} uncertain`);
  }

  function renderHeatmap() {
    const { words = [], run, total } = state.run;
    if (!words.length) return;
    if (labels.dataset.run !== run || labels.childElementCount !== words.length) {
      labels.dataset.run = run;
      const label = (word) => Object.assign(document.createElement("span"), { textContent: word });
      labels.replaceChildren(...words.map(label));
    }
    const shares = state.frames.map((frame) => frame.words);
    drawWordHeatmap(heatmap, shares, words.length, total);
  }

  function stop() {
    clearTimeout(state.timer);
    state.timer = null;
    play.textContent = "Play";
  }

  function playNext() {
    if (state.current >= state.frames.length - 1) return stop();
    show(state.current + 1);
    const rate = Math.min(MAX_FRAMES_PER_SECOND, Math.max(1, state.run.rate));
    state.timer = setTimeout(playNext, 1000 / rate);
  }

  function togglePlay() {
    if (state.timer) return stop();
    if (state.current >= state.frames.length - 1) show(0);
    play.textContent = "Pause";
    state.timer = setTimeout(playNext, 0);
  }

  function showNextUncertain() {
    stop();
    const numbers = uncertainFrames();
    const next = numbers.find((number) => number > state.current) ?? numbers[0];
    if (next !== undefined) show(next);
  }

  function frameUnder(event, plot) {
    const box = plot.getBoundingClientRect();
    return frameAt((event.clientX - box.left) / box.width, state.run.total);
  }

  function describeHeatmapCell(event) {
    const number = frameUnder(event, heatmap);
    const word = Math.floor((event.clientY - heatmap.getBoundingClientRect().top) / HEATMAP_ROW);
    const frame = state.frames[number];
    const share = frame?.words[word];
    heatmap.title = share === undefined ? "" : `${state.run.words[word]}, frame ${frame.index}: ${share.toFixed(3)}`;
  }

  function reset(run) {
    stop();
    Object.assign(state, { frames: [], measured: [], current: 0 });
    root.dataset.frames = 0;
    delete root.dataset.area;
    context.clearRect(0, 0, overlay.width, overlay.height);
    image.removeAttribute("src");
    if (!run.aspect) return;
    const [width, height] = run.aspect;
    const scale = Math.min(1, constants.maxSide / Math.max(width, height));
    overlay.width = image.width = Math.max(1, Math.round(width * scale));
    overlay.height = image.height = Math.max(1, Math.round(height * scale));
    root.style.setProperty("--ratio", width / height);
  }

  function receive(run) {
    if (run.run !== state.run.run) reset(run);
    state.run = run;
    root.dataset.state = run.state;
    root.dataset.run = run.run ?? "";
    root.dataset.done = run.done;
    fetchFrames();
  }

  play.addEventListener("click", togglePlay);
  scrub.addEventListener("input", () => {
    stop();
    show(Number(scrub.value));
  });
  find("next-uncertain").addEventListener("click", showNextUncertain);
  for (const plot of [chart, heatmap]) {
    plot.addEventListener("pointerdown", (event) => {
      stop();
      show(frameUnder(event, plot));
    });
  }
  heatmap.addEventListener("pointermove", describeHeatmapCell);
  onSettings(root, (changed) => {
    Object.assign(state.settings, changed);
    if (!state.frames.length) return;
    measureFrom(0);
    show(state.current);
  });
  new ResizeObserver(() => {
    if (!state.frames.length) return;
    renderChart();
    renderHeatmap();
  }).observe(chart);
  watch("value", () => receive(props.value));
  receive(props.value);
}

/** One line about a frame. */
function factsOf(frame, area, iou) {
  const facts = [`${(100 * area).toFixed(1)} % of the image`, `highest probability ${frame.peak.toFixed(2)}`];
  if (iou !== null) facts.push(`IoU with the previous frame ${iou.toFixed(2)}`);
  if (frame.no_target) facts.push("probably no target in this frame");
  return facts.join(" · ");
}
