// The whole tab: what the server answers is shown here, and buttons act from here.

let abilities = { edges: false, exports: [], imports: [] };

async function receive(answer) {
  if (answer.entries) entries = answer.entries;
  if (answer.project) find("project").textContent = answer.project;
  if ("undo" in answer) {
    root.querySelector('[data-do="undo"]').disabled = !answer.undo;
    root.querySelector('[data-do="redo"]').disabled = !answer.redo;
    root.dataset.undo = answer.undo;
    find("agreement").textContent = answer.judged ? `model vs. you: IoU ${answer.agreement.toFixed(2)} over ${answer.judged} ${answer.judged === 1 ? "mask" : "masks"}` : "";
    find("notes").replaceChildren(...answer.notes.map((text) => make("li", { textContent: text })));
    tell("");
    await receivePicture(answer);
  }
  if (answer.entries) listEntries();
  else mark();
  root.dataset.turn = Number(root.dataset.turn ?? 0) + 1;
}

async function receivePicture(answer) {
  const before = picture;
  picture = answer.picture;
  root.dataset.picture = picture?.name ?? "";
  find("drop").hidden = Boolean(picture);
  if (!picture) return clear();
  if (before && before.name !== picture.name) remember(before.name, before.state);
  if (picture.uri) {
    [photo.width, photo.height] = [canvas.width, canvas.height] = [draft.width, draft.height] = picture.view;
    photo.src = picture.uri;
    find("detail").hidden = true;
    photo.alt = picture.name;
    masks = new Map();
    active = null;
  }
  layers = answer.layers;
  if (answer.layer && layer(answer.layer)) active = answer.layer;
  if (!layer(active)) active = layers.at(-1)?.id ?? null;
  await receiveMasks(answer.masks);
  for (const mask of masks.values()) mask.image = null;
  if (picture.uri) fit();
  listThings();
  draw();
}

// The last picture has gone.
function clear() {
  [layers, masks, active] = [[], new Map(), null];
  photo.removeAttribute("src");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  find("detail").hidden = true;
  listThings();
}

const ACTIONS = {
  undo: () => ask("undo"),
  redo: () => ask("redo"),
  back: () => ask("move", { by: -1 }),
  forth: () => ask("move", { by: 1 }),
  accept: () => ask("mark", { state: "accepted", on: true }),
  skip: () => ask("mark", { state: "skipped", on: true }),
  remove,
  blank: () => ask("describe", { layer: null }).then(follow),
  fit,
  in: () => zoomBy(1.25),
  out: () => zoomBy(0.8),
  sheet: () => find("keys").showModal(),
  leave,
};
const act = (name) => ACTIONS[name]();

function remove() {
  if (!picture) return;
  const { name } = picture, sure = find("sure");
  sure.querySelector("p").textContent = `Take ${name} and its masks out of the project? They cannot be brought back.`;
  sure.returnValue = "";
  sure.onclose = () => sure.returnValue && ask("remove", { name });
  sure.showModal();
}

for (const button of root.querySelectorAll("[data-do]")) button.addEventListener("click", () => act(button.dataset.do));

// --- which project

function remembered(what) {
  try {
    return localStorage.getItem(STORED[what]) ?? "";
  } catch {
    return ""; // storage may be forbidden: then a project is found by its name alone
  }
}

function keep(what, value) {
  try {
    localStorage.setItem(STORED[what], value);
  } catch {
    return;
  }
}

async function enter(chosen) {
  key = chosen;
  const answer = await askNow("enter", { ...listing(), author: find("author").value.trim() });
  keep("project", chosen);
  root.dataset.state = "work";
  picture = null;
  await receive(answer);
}

async function leave() {
  await waiting;
  keep("project", "");
  await start();
}

async function start() {
  [key, picture, layers, entries] = [null, null, [], []];
  const about = await askNow("start");
  abilities = about;
  for (const [name, formats] of [["export-format", about.exports], ["import-format", about.imports]])
    find(name).replaceChildren(...formats.map((one) => make("option", { value: one, textContent: one })));
  find("place").textContent = about.listed
    ? `Projects are folders in ${about.place}.`
    : "Your project is yours alone and stays here for a day after your last change: export it to keep it.";
  find("projects").replaceChildren(
    ...about.projects.map((name) => make("li", {}, make("button", { textContent: name, onclick: () => enter(name).catch((error) => tell(error.message, "error")) }))),
  );
  root.dataset.state = "start";
  find("author").value = remembered("author");
  const known = remembered("project");
  if (known) await enter(known).catch(() => keep("project", ""));
  root.dataset.ready = "true";
}

find("author").addEventListener("change", (event) => keep("author", event.target.value.trim()));
find("create").addEventListener("submit", async (event) => {
  event.preventDefault();
  const box = find("create-name");
  try {
    const { key: made } = await askNow("create", { name: box.value.trim() || "my project" });
    box.value = "";
    await enter(made);
  } catch (error) {
    tell(error.message, "error");
  }
});

// The video tab has sent frames to a project.
document.addEventListener("refseg-project", ({ detail }) => root.isConnected && detail && enter(detail).catch((error) => tell(error.message, "error")));

choose("brush");
start();
