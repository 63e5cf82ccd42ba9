// Why this mask: every number and map is asked for when it is looked at. Text from people goes in as text; the table is the server's own markup.

const root = element.querySelector(".rs-reasons");
const find = (name) => root.querySelector(`.rs-${name}`);
const CLASSES = { both: ["#ffffff", 85], first: ["#ff3d7f", 170], second: ["#00c2e0", 255] };
const COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey"];
const SIDES = { left: "right", right: "left", leftmost: "rightmost", rightmost: "leftmost" };

let value = { state: "empty" };
let words = []; // of the edit strip: { text, on }
let seen = false;
let editing = null;

async function ask(what, details = {}) {
  const asked = value.token + value.run;
  const answer = await server.why({ do: what, token: value.token, ...details });
  if (asked !== value.token + value.run) return null; // about an answer that is no longer shown
  find("wrong").textContent = answer.error ?? "";
  return answer.error ? null : answer;
}

const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const level = () => Number(find("level").value);

// --- the lens: one place for all maps

function showMap(map, title, about) {
  if (!map) return;
  const lens = find("lens");
  lens.dataset.shows = "map";
  find("shown").src = map.uri;
  find("shown").alt = `${title}: ${map.low} to ${map.high}, highest ${map.where}`;
  find("title-of-map").textContent = title;
  find("about-map").textContent = about;
  find("top").textContent = map.top;
  root.dataset.map = title;
}

async function showClasses(told, title, first, second) {
  press(null);
  const photo = document.querySelector("#rs-result .rs-picture");
  const canvas = find("classes"), image = find("shown");
  image.src = photo.src;
  image.alt = title;
  const plain = new Image();
  plain.src = told.classes;
  await plain.decode();
  canvas.width = plain.width;
  canvas.height = plain.height;
  const codes = await grey(told.classes, plain.width, plain.height);
  const context = canvas.getContext("2d"), frame = context.createImageData(plain.width, plain.height);
  const pixels = new Uint32Array(frame.data.buffer), counts = {};
  for (const [name, [colour, code]] of Object.entries(CLASSES)) {
    const paintOf = pixel(colour, name === "both" ? 0.4 : 0.62);
    counts[name] = 0;
    codes.forEach((one, i) => {
      if (one !== code) return;
      pixels[i] = paintOf;
      counts[name]++;
    });
  }
  context.putImageData(frame, 0, 0);
  find("lens").dataset.shows = "classes";
  find("title-of-map").textContent = title;
  find("about-map").textContent = `IoU ${told.iou.toFixed(2)}`;
  root.querySelector('[data-part="first"]').textContent = first;
  root.querySelector('[data-part="second"]').textContent = second;
  Object.assign(root.dataset, { map: title, both: counts.both, first: counts.first, second: counts.second });
}

function press(kind) {
  for (const button of root.querySelectorAll("[data-kind]")) button.setAttribute("aria-pressed", button.dataset.kind === kind);
}

async function showKind(kind) {
  const map = value.maps.find((one) => one.kind === kind) ?? value.maps[0];
  press(map.kind);
  const about = map.levels ? `${value.levels[level()]}: ${map.about}` : map.about;
  showMap(await ask("map", { kind: map.kind, level: map.levels ? level() : 0 }), map.title, about);
}

// The buttons are those of the maps that the model has.
function listMaps() {
  find("map-buttons").replaceChildren(
    ...value.maps.map((map) => make("button", { type: "button", textContent: map.title, data: { kind: map.kind }, onclick: () => showKind(map.kind) })),
  );
  find("level").hidden = !value.maps.some((map) => map.levels);
  find("words").hidden = !value.heatmap;
  find("places").hidden = !value.places;
  for (const button of root.querySelectorAll('[data-take]:not([data-take="report"])')) button.hidden = !value.heatmap; // figures of the words
}

find("level").addEventListener("change", () => {
  const pressed = value.maps.find((map) => map.kind === root.querySelector('[data-kind][aria-pressed="true"]')?.dataset.kind);
  showKind((pressed?.levels ? pressed : value.maps.find((map) => map.levels)).kind);
});

// --- words

async function showWord(row, word) {
  press(null);
  showMap(await ask("map", { kind: "word", level: row, word }), `“${value.words[word]}”`, `${value.levels[row]}: the share of its attention that each place pays to this word.`);
}

find("table").addEventListener("click", (event) => {
  const cell = event.target.closest("[data-word]");
  if (cell) showWord(Number(cell.dataset.level), Number(cell.dataset.word));
});

// --- a place

find("scene").addEventListener("click", async (event) => {
  if (!value.places) return;
  const box = find("shown").getBoundingClientRect();
  const answer = await ask("point", { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height });
  if (!answer) return;
  press(null);
  const dot = find("point");
  dot.hidden = false;
  dot.style.left = `${100 * answer.x}%`;
  dot.style.top = `${100 * answer.y}%`;
  const show = (number) => showMap(answer.maps[number], "Places that this place attends to", `${value.levels[number]}; the largest share of a place is ${answer.maps[number].high}.`);
  find("at").replaceChildren(
    ...answer.words.map((shares, number) => {
      const top = Math.max(...shares);
      const bars = shares.map((share, word) =>
        make("span", { className: "rs-share", title: `${value.words[word]}: ${share.toFixed(4)}`, textContent: value.words[word], data: { share: share.toFixed(4) } }),
      );
      bars.forEach((bar, word) => bar.style.setProperty("--share", shares[word] / top));
      return make("div", { className: "rs-row" }, make("button", { textContent: value.levels[number], title: "show the places", onclick: () => show(number) }), ...bars);
    }),
  );
  root.dataset.point = `${answer.x} ${answer.y}`;
  show(answer.words.length - 1);
});

// --- without a word

async function listWithout() {
  const answer = await ask("without");
  if (!answer) return;
  const look = async (row) => {
    const told = await ask("word", { word: row.word });
    if (told) await showClasses(told, `Without “${row.text}”`, "goes without it", "comes without it");
  };
  find("without").replaceChildren(
    ...answer.rows.map((row) => {
      const change = 1 - row.iou;
      const there = row.presence_change === null ? "" : `, presence ${row.presence_change > 0 ? "+" : "−"}${Math.abs(row.presence_change).toFixed(2)}`;
      const bar = make("button", { className: "rs-left-out", title: "show the pixels that change", onclick: () => look(row), data: { word: row.word } });
      bar.style.setProperty("--share", change);
      bar.append(make("b", { textContent: row.text }), make("span", { textContent: `${percent(change)} of the mask changes${there}` }));
      bar.addEventListener("mouseenter", () => look(row));
      return make("li", {}, bar);
    }),
  );
  root.dataset.without = answer.rows.length;
}

// --- say it otherwise

const edited = () => words.filter((word) => word.on).map((word) => word.text).join(" ");

function listStrip() {
  const has = words.some((word) => SIDES[word.text]);
  find("strip").replaceChildren(
    ...words.map((word) =>
      COLOURS.includes(word.text)
        ? make("select", { ariaLabel: "colour", onchange: (event) => edit(() => (word.text = event.target.value)) }, ...COLOURS.map((one) => make("option", { value: one, textContent: one, selected: one === word.text })))
        : make("button", { className: "rs-chip", textContent: word.text, ariaPressed: word.on, title: "with or without", onclick: () => edit(() => (word.on = !word.on)) }),
    ),
    ...(has ? [make("button", { textContent: "left ⇄ right", data: { swap: "sides" }, onclick: () => edit(() => words.forEach((word) => (word.text = SIDES[word.text] ?? word.text))) })] : []),
  );
}

function edit(change) {
  change();
  listStrip();
  clearTimeout(editing);
  editing = setTimeout(() => edited() && contrast([edited()]), 120);
}

async function contrast(expressions) {
  const told = await ask("compare", { expressions });
  if (!told) return;
  const there = told.presence === null ? "" : `, presence ${told.presence.toFixed(2)}`;
  const strange = told.unknown.length ? ` The model does not know ${told.unknown.map((word) => `“${word}”`).join(", ")}.` : "";
  find("outcome").textContent = `“${told.text}”: IoU ${told.iou.toFixed(2)} with “${value.expression}”${there}.${strange}`;
  root.dataset.compared = told.iou;
  await showClasses(told, `“${value.expression}” and “${told.text}”`, "the first only", "the second only");
  const agree = find("agree");
  agree.replaceChildren();
  if (!told.agreement) return;
  const { texts, iou, mean } = told.agreement;
  agree.append(
    make("p", { textContent: `On average these ${texts.length} sentences agree to an IoU of ${mean.toFixed(2)}.` }),
    make("table", {}, ...texts.map((text, i) => make("tr", {}, make("th", { scope: "row", textContent: text }), ...iou[i].map((one) => make("td", { textContent: one.toFixed(2) }))))),
  );
}

find("against").addEventListener("submit", (event) => {
  event.preventDefault();
  contrast(find("against").querySelector("textarea").value.split("\n"));
});
find("against").querySelector("textarea").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    find("against").requestSubmit();
  }
});

// --- which of several

async function listPieces() {
  const answer = await ask("candidates", { threshold: Number(document.querySelector("#rs-threshold input[type=range]").value) });
  const box = find("pieces");
  box.replaceChildren();
  if (!answer) return;
  root.dataset.candidates = answer.candidates.length;
  if (answer.candidates.length < 2) return;
  const choose = (number) => {
    for (const button of box.querySelectorAll("button")) button.setAttribute("aria-pressed", Number(button.dataset.number) === number);
    trigger("select", { number });
  };
  box.append(
    make("h4", { textContent: "Which of these?" }),
    make(
      "div",
      { className: "rs-row" },
      make("button", { textContent: "all", ariaPressed: "true", data: { number: 0 }, onclick: () => choose(0) }),
      ...answer.candidates.map((one) =>
        make("button", { textContent: `${one.number} · ${percent(one.score)}`, title: `mean probability ${one.score}, ${percent(one.share)} of the mask`, data: { number: one.number }, onclick: () => choose(one.number) }),
      ),
    ),
  );
}

for (const button of root.querySelectorAll("[data-take]"))
  button.addEventListener("click", async () => {
    button.disabled = true;
    const kind = button.dataset.take;
    const file = await (kind === "report" ? ask("report") : ask("figure", { kind }));
    button.disabled = false;
    if (file) take(file.path, file.name);
  });

// Nothing is asked for before somebody opens this part.
async function look() {
  if (seen || value.state !== "ready" || !root.offsetParent) return;
  seen = true;
  await showKind("response");
  await listPieces();
  await listWithout();
}

function receive(next) {
  value = next ?? { state: "empty" };
  seen = false;
  root.dataset.state = value.state;
  for (const name of ["at", "without", "pieces", "agree"]) find(name).replaceChildren();
  for (const name of ["map", "point", "without", "compared", "candidates"]) delete root.dataset[name];
  for (const name of ["outcome", "wrong"]) find(name).textContent = "";
  find("point").hidden = true;
  if (value.state !== "ready") return;
  find("table").innerHTML = value.heatmap; // made and escaped by the server
  find("level").replaceChildren(...value.levels.map((name, number) => make("option", { value: number, textContent: name, selected: number === value.levels.length - 1 })));
  listMaps();
  words = value.words.map((text) => ({ text, on: true }));
  listStrip();
  look();
}

// Other pieces appear at another threshold.
let moving = null;
document.querySelector("#rs-result .rs-result").addEventListener("settings", () => {
  clearTimeout(moving);
  moving = setTimeout(() => seen && listPieces(), 300);
});
new IntersectionObserver(look).observe(root);
watch("value", () => receive(props.value));
receive(props.value);
