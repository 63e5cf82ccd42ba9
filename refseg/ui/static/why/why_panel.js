// "Why this mask". Every number and map is requested when the user opens it. Text from users is set as text; the word
// table is escaped markup of the server.

import { createElement, finder, formatPercent } from "../shared/dom.js";
import { downloadFile } from "../shared/files.js";
import { onSettings } from "../shared/overlay_settings.js";
import { createMapView } from "./map_view.js";
import { createWordEdits } from "./word_edits.js";

const SETTINGS_DELAY = 300; // milliseconds without a change of the threshold before candidates are listed again

/**
 * @param {object} host what gr.HTML provides
 * @param {object} constants see refseg/ui/why/tab.py
 */
export function mount({ element, props, server, trigger, watch }, constants) {
  const root = element.querySelector(".rs-why-panel");
  const find = finder(root);
  const view = createMapView(root, constants.comparisonClasses);
  const wordEdits = createWordEdits(find("word-edits"), constants, (expression) => compare([expression]));
  const state = {
    answer: { state: "empty" }, // the widget's value: see WhyPage.value in refseg/ui/why
    isLoaded: false, // whether the parts that need a request are loaded for this answer
    settingsTimer: null,
  };

  /** Requests details of the answer that is shown. Returns null after an error, or if another answer is shown now. */
  async function request(action, details = {}) {
    const { token, run } = state.answer;
    const answer = await server.why({ action, token, ...details });
    if (token !== state.answer.token || run !== state.answer.run) return null;
    find("why-error").textContent = answer.error ?? "";
    return answer.error ? null : answer;
  }

  const selectedLevel = () => Number(find("level").value);
  const kindButtons = () => root.querySelectorAll("[data-kind]");

  function markKind(kind) {
    for (const button of kindButtons()) button.setAttribute("aria-pressed", button.dataset.kind === kind);
  }

  function showMap(map, title, about) {
    if (map) view.showMap(map, title, about);
  }

  async function showComparison(answer, title, firstOnly, secondOnly) {
    markKind(null);
    await view.showComparison(answer, title, firstOnly, secondOnly);
  }

  async function showKind(name) {
    const { maps, levels } = state.answer;
    const map = maps.find(({ kind }) => kind === name) ?? maps[0];
    markKind(map.kind);
    const level = map.levels ? selectedLevel() : 0;
    const about = map.levels ? `${levels[level]}: ${map.about}` : map.about;
    showMap(await request("map", { kind: map.kind, level }), map.title, about);
  }

  async function showWord(level, word) {
    markKind(null);
    const map = await request("map", { kind: "word", level, word });
    const about = `${state.answer.levels[level]}: the share of its attention that each place gives to this word.`;
    showMap(map, `“${state.answer.words[word]}”`, about);
  }

  // --- a place in the image

  async function showPoint(event) {
    if (!state.answer.places) return;
    const box = find("map-image").getBoundingClientRect();
    const position = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    const answer = await request("point", position);
    if (!answer) return;
    markKind(null);
    const point = find("point");
    point.hidden = false;
    point.style.left = `${100 * answer.x}%`;
    point.style.top = `${100 * answer.y}%`;
    const { levels } = state.answer;
    const showLevel = (level) => {
      const about = `${levels[level]}; the largest share of one place is ${answer.maps[level].high}.`;
      showMap(answer.maps[level], "Places that this place attends to", about);
    };
    const rows = answer.words.map((shares, level) => {
      const onclick = () => showLevel(level);
      const button = createElement("button", { textContent: levels[level], title: "Show the places", onclick });
      return createElement("div", { className: "rs-row" }, button, ...wordShares(shares));
    });
    find("point-words").replaceChildren(...rows);
    root.dataset.point = `${answer.x} ${answer.y}`;
    showLevel(answer.words.length - 1);
  }

  function wordShares(shares) {
    const top = Math.max(...shares);
    return shares.map((share, index) => {
      const word = state.answer.words[index];
      const title = `${word}: ${share.toFixed(4)}`;
      const label = createElement("span", { className: "rs-share", title, textContent: word });
      label.dataset.share = share.toFixed(4);
      label.style.setProperty("--share", share / top);
      return label;
    });
  }

  // --- leaving a word out

  async function listAblations() {
    const answer = await request("ablations");
    if (!answer) return;
    find("word-ablation").replaceChildren(...answer.rows.map((row) => createElement("li", {}, ablationButton(row))));
    root.dataset.ablations = answer.rows.length;
  }

  function ablationButton({ word, text, iou, presence_change: presenceChange }) {
    const show = async () => {
      const answer = await request("ablation", { word });
      if (answer) await showComparison(answer, `Without “${text}”`, "only with the word", "only without it");
    };
    const sign = presenceChange > 0 ? "+" : "−";
    const presence = presenceChange === null ? "" : `, presence ${sign}${Math.abs(presenceChange).toFixed(2)}`;
    const button = createElement(
      "button",
      { className: "rs-ablation", title: "Show the pixels that change", onclick: show, data: { word } },
      createElement("b", { textContent: text }),
      createElement("span", { textContent: `${formatPercent(1 - iou)} of the mask changes${presence}` }),
    );
    button.style.setProperty("--share", 1 - iou);
    button.addEventListener("mouseenter", show);
    return button;
  }

  // --- other expressions

  async function compare(expressions) {
    const answer = await request("compare", { expressions });
    if (!answer) return;
    const { expression } = state.answer;
    find("comparison-text").textContent = comparisonText(answer, expression);
    root.dataset.compared = answer.iou;
    await showComparison(answer, `“${expression}” and “${answer.text}”`, "the first only", "the second only");
    find("agreement-table").replaceChildren(...(answer.agreement ? agreementTable(answer.agreement) : []));
  }

  async function submitComparison(event) {
    event.preventDefault();
    await compare(find("compare-form").querySelector("textarea").value.split("\n"));
  }

  // --- candidates

  async function listCandidates() {
    const threshold = Number(document.querySelector("#rs-threshold input[type=range]").value);
    const answer = await request("candidates", { threshold });
    const box = find("candidates");
    box.replaceChildren();
    if (!answer) return;
    root.dataset.candidates = answer.candidates.length;
    if (answer.candidates.length < 2) return;
    const choose = (number) => {
      for (const button of box.querySelectorAll("button")) {
        button.setAttribute("aria-pressed", Number(button.dataset.number) === number);
      }
      trigger("select", { number });
    };
    const buttons = answer.candidates.map(({ number, score, share }) =>
      createElement("button", {
        textContent: `${number} · ${formatPercent(score)}`,
        title: `mean probability ${score}, ${formatPercent(share)} of the mask`,
        data: { number },
        onclick: () => choose(number),
      }),
    );
    const all = { textContent: "all", ariaPressed: "true", data: { number: 0 }, onclick: () => choose(0) };
    box.append(
      createElement("h4", { textContent: "Which of these?" }),
      createElement("div", { className: "rs-row" }, createElement("button", all), ...buttons),
    );
  }

  // --- files

  async function download(button) {
    button.disabled = true;
    const kind = button.dataset.download;
    const file = await (kind === "report" ? request("report") : request("figure", { kind }));
    button.disabled = false;
    if (file) downloadFile(file.path, file.name);
  }

  // --- a new answer

  /** Requests what is shown first, as soon as this part of the page is open. */
  async function load() {
    if (state.isLoaded || state.answer.state !== "ready" || !root.offsetParent) return;
    state.isLoaded = true;
    await showKind("response");
    await listCandidates();
    await listAblations();
  }

  function receive(answer) {
    state.answer = answer ?? { state: "empty" };
    state.isLoaded = false;
    root.dataset.state = state.answer.state;
    for (const name of ["point-words", "word-ablation", "candidates", "agreement-table"]) find(name).replaceChildren();
    for (const name of ["map", "point", "ablations", "compared", "candidates"]) delete root.dataset[name];
    for (const name of ["comparison-text", "why-error"]) find(name).textContent = "";
    find("point").hidden = true;
    if (state.answer.state !== "ready") return;
    renderControls();
    wordEdits.setWords(state.answer.words);
    load();
  }

  /** Shows the controls of what the model can explain: which maps it has, words, and places. */
  function renderControls() {
    const { maps, levels, heatmap, places } = state.answer;
    const level = find("level");
    const button = ({ kind, title }) =>
      createElement("button", { textContent: title, data: { kind }, onclick: () => showKind(kind) });
    for (const old of kindButtons()) old.remove();
    level.before(...maps.map(button));
    level.replaceChildren(
      ...levels.map((textContent, value) =>
        createElement("option", { value, textContent, selected: value === levels.length - 1 }),
      ),
    );
    level.hidden = !maps.some((map) => map.levels);
    find("word-table").innerHTML = heatmap; // escaped by the server
    find("word-section").hidden = !heatmap;
    find("place-hint").hidden = !places;
    for (const figure of root.querySelectorAll('[data-download]:not([data-download="report"])'))
      figure.hidden = !heatmap;
  }

  function showSelectedLevel() {
    const pressed = root.querySelector('[data-kind][aria-pressed="true"]')?.dataset.kind;
    const { maps } = state.answer;
    const selected = maps.find((map) => map.kind === pressed);
    showKind((selected?.levels ? selected : maps.find((map) => map.levels)).kind);
  }

  find("level").addEventListener("change", showSelectedLevel);
  find("word-table").addEventListener("click", (event) => {
    const cell = event.target.closest("[data-word]");
    if (cell) showWord(Number(cell.dataset.level), Number(cell.dataset.word));
  });
  find("map-stage").addEventListener("click", showPoint);
  find("compare-form").addEventListener("submit", submitComparison);
  find("compare-form")
    .querySelector("textarea")
    .addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      find("compare-form").requestSubmit();
    });
  for (const button of root.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => download(button));
  }
  // At another threshold the mask has other candidates.
  onSettings(document.querySelector("#rs-result .rs-result"), () => {
    clearTimeout(state.settingsTimer);
    state.settingsTimer = setTimeout(() => state.isLoaded && listCandidates(), SETTINGS_DELAY);
  });
  new IntersectionObserver(load).observe(root);
  watch("value", () => receive(props.value));
  receive(props.value);
}

function comparisonText({ text, iou, presence, unknown }, expression) {
  const presenceText = presence === null ? "" : `, presence ${presence.toFixed(2)}`;
  const words = unknown.map((word) => `“${word}”`).join(", ");
  const unknownText = words ? ` The model does not know ${words}.` : "";
  return `“${text}”: IoU ${iou.toFixed(2)} with “${expression}”${presenceText}.${unknownText}`;
}

function agreementTable({ texts, iou, mean }) {
  const row = (text, i) =>
    createElement(
      "tr",
      {},
      createElement("th", { scope: "row", textContent: text }),
      ...iou[i].map((value) => createElement("td", { textContent: value.toFixed(2) })),
    );
  const text = `The masks of these ${texts.length} expressions have a mean IoU of ${mean.toFixed(2)}.`;
  return [createElement("p", { textContent: text }), createElement("table", {}, ...texts.map(row))];
}
