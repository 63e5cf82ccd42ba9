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
  else {
    if (answer.left) remember(answer.left);
    mark();
  }
  root.dataset.turn = Number(root.dataset.turn ?? 0) + 1;
}

// Nothing is shown before all of it can be; what is under the hand stays there.
async function receivePicture(answer) {
  const told = answer.picture && !answer.picture.problem ? await decoded(answer) : [];
  const before = picture, same = before?.name === answer.picture?.name;
  if (!same && stroke) abandon();
  picture = answer.picture;
  root.dataset.picture = picture?.name ?? "";
  find("drop").hidden = Boolean(picture);
  if (!picture) return clear();
  const kept = same ? layers.filter(({ id }) => hands.has(id)) : [];
  if (!same) {
    [masks, active] = [new Map(), null];
    find("detail").hidden = true;
  }
  showPhoto();
  layers = answer.layers;
  layers = [...layers, ...kept.filter(({ id }) => !layer(id)).map((one) => ({ ...one, fresh: true }))];
  if (!layer(active)) active = layers.at(-1)?.id ?? null;
  takeMasks(told);
  if (!same || picture.problem || before.problem) fit();
  listThings();
  draw();
}

// The picture, where it was told; or why it cannot be shown.
function showPhoto() {
  find("problem").textContent = picture.problem ?? "";
  for (const part of ["tools", "things"]) find(part).inert = Boolean(picture.problem);
  if (!picture.uri && !picture.problem) return;
  [photo.width, photo.height] = [canvas.width, canvas.height] = [draft.width, draft.height] = picture.view;
  if (picture.problem) return photo.removeAttribute("src");
  photo.src = picture.uri;
  photo.alt = picture.name;
}

// The last picture has gone.
function clear() {
  [layers, masks, active] = [[], new Map(), null];
  photo.removeAttribute("src");
  find("problem").textContent = "";
  for (const part of ["tools", "things"]) find(part).inert = false;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  find("detail").hidden = true;
  listThings();
}

// Accepts or skips the picture and goes on: once, however often the key is pressed before the answer is there.
const judged = new Set(); // names of the pictures whose mark is under way
async function judge(state) {
  if (!picture || judged.has(picture.name) || (picture.problem && state === "accepted")) return;
  const { name } = picture;
  judged.add(name);
  await ask("mark", { picture: name, state, on: true });
  judged.delete(name);
}

const ACTIONS = {
  undo: () => ask("undo"),
  redo: () => ask("redo"),
  back: () => ask("move", { by: -1 }),
  forth: () => ask("move", { by: 1 }),
  accept: () => judge("accepted"),
  skip: () => judge("skipped"),
  remove,
  blank: () => picture && !picture.problem && correct("describe", newMask()),
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

// Whatever was begun in another visit stops there.
function enter(chosen) {
  return inTurn(async () => {
    const next = { key: chosen };
    const answer = await askNow("enter", presence(), next);
    visit = Object.assign(next, { name: answer.project });
    keep("project", chosen);
    root.dataset.state = "work";
    if (stroke) abandon();
    [picture, layers] = [null, []];
    await receive(answer);
    unsure = false;
  });
}

function leave() {
  visit = null;
  keep("project", "");
  root.dataset.state = "start";
  return inTurn(showProjects).catch(failed);
}

const failed = (error) => tell(error.message, "error");

async function showProjects() {
  if (stroke) abandon();
  [visit, picture, layers, entries] = [null, null, [], []];
  const about = await askNow("start");
  abilities = about;
  for (const [name, formats] of [["export-format", about.exports], ["import-format", about.imports]])
    find(name).replaceChildren(...formats.map((one) => make("option", { value: one, textContent: one })));
  find("place").textContent = about.listed
    ? `Projects are folders in ${about.place}.`
    : "Your project is yours alone and stays here for a day after your last change: export it to keep it.";
  const button = (name) => make("button", { textContent: name, onclick: () => enter(name).catch(failed) });
  find("projects").replaceChildren(...about.projects.map((name) => make("li", {}, button(name))));
  root.dataset.state = "start";
}

async function start() {
  await inTurn(showProjects);
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
    failed(error);
  }
});

// The video tab has sent frames to a project.
document.addEventListener("refseg-project", ({ detail }) => root.isConnected && detail && enter(detail).catch(failed));

choose("brush");
start().catch(failed);
