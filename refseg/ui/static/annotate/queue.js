// The list of pictures, adding to it, and what is done with all of them: a batch, an export, an import.

const list = find("entries");
let entries = [];

const listing = () => ({ states: find("states").value ? [find("states").value] : null, hardest: find("hardest").checked });

function listEntries() {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.name : null;
  list.replaceChildren(...entries.map((entry) => make("li", {}, entryButton(entry))));
  if (focused) list.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
  mark();
}

function entryButton(entry) {
  const [name] = entry;
  const parts = [make("i", { className: "rs-state" }), make("span", { textContent: name }), make("small")];
  const button = make("button", { className: "rs-entry", data: { name }, onclick: () => ask("open", { name }) }, ...parts);
  label(button, entry);
  return button;
}

// What the list says of a picture: its state as a sign of its own shape and colour, and in words.
function label(button, [name, state, count, doubt]) {
  button.dataset.state = state;
  button.title = `${name}: ${state}, doubt ${doubt.toFixed(2)}`;
  button.ariaLabel = `${name}: ${state}, ${count} ${count === 1 ? "mask" : "masks"}`;
  button.lastElementChild.textContent = count || "";
}

// What has become of a picture of the list; gives its place there, or -1.
function remember(entry) {
  const place = entries.findIndex(([name]) => name === entry[0]);
  if (place < 0) return place;
  entries[place] = entry;
  label(list.children[place].firstElementChild, entry);
  return place;
}

// The picture at hand in the list, with the state that it has now.
function mark() {
  const place = picture ? remember([picture.name, picture.state, settled().length, picture.doubt]) : -1;
  find("where").textContent = picture ? `${picture.name} · ${picture.state} · ${place + 1} of ${entries.length}` : "no picture yet";
  list.querySelector('[aria-current="true"]')?.removeAttribute("aria-current");
  const button = list.children[place]?.firstElementChild;
  if (!button) return;
  button.setAttribute("aria-current", "true");
  button.scrollIntoView({ block: "nearest" });
}

for (const box of [find("states"), find("hardest")]) box.addEventListener("change", () => ask("list", listing()));

async function addFiles(files) {
  const chosen = [...files].filter((file) => /^image\//.test(file.type) || /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|jp2)$/i.test(file.name));
  if (!chosen.length) return tell("There is no picture among these files.", "error");
  const during = visit, refused = [];
  let added = 0;
  for (const [number, file] of chosen.entries()) {
    progress(`adding ${number + 1} of ${chosen.length}`);
    try {
      const { path } = await upload(file);
      if (during !== visit) break;
      await inTurn(() => show("add", { path, name: file.name }, during));
      added++;
    } catch (error) {
      refused.push(`${file.name}: ${error.message}`);
    }
    if (during !== visit) break;
  }
  if (during !== visit) return progress(`Adding pictures to ${during.name} was stopped: ${added} of ${chosen.length} are there.`);
  progress("");
  await ask("list", listing());
  if (refused.length) tell(`${refused.length} of ${chosen.length} files were not added.`, "error", refused.slice(0, 5));
}

for (const name of ["add", "add-folder"])
  find(name).addEventListener("change", async (event) => {
    await addFiles(event.target.files);
    event.target.value = "";
  });
board.addEventListener("dragover", (event) => event.preventDefault());
board.addEventListener("drop", (event) => {
  event.preventDefault();
  addFiles(event.dataTransfer.files);
});

// --- panes

const panes = [...root.querySelectorAll(".rs-pane")];
for (const button of root.querySelectorAll("[data-open]"))
  button.addEventListener("click", () => {
    for (const pane of panes) pane.dataset.shown = pane.dataset.pane === button.dataset.open && pane.dataset.shown !== "true";
  });
const pane = (name) => panes.find((one) => one.dataset.pane === name);

let batch = null; // the one that runs: { during, stopped }
pane("batch").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (batch) return tell("The model is still finding: wait for its end, or stop it.");
  batch = { during: visit, stopped: false };
  find("batch-stop").disabled = false;
  const { last, problem } = await runBatch(batch, find("batch-text").value.split("\n"));
  const here = batch.during === visit, { name } = batch.during;
  batch = null;
  find("batch-stop").disabled = true;
  const found = last ? `${last.added} masks in ${last.done} of ${last.total} pictures` : "nothing found";
  progress(here ? "" : `Finding in ${name} was stopped: ${found}.`);
  if (problem) tell(problem, "error", last ? [`${found}. Undo takes all of them back.`] : []);
  else if (last && here) tell(`${found}. Undo takes all of them back.`, "info", last.problems.slice(0, 5));
});
find("batch-stop").addEventListener("click", () => batch && (batch.stopped = true));

// To its end, until it is stopped, or until the person leaves. Gives how far it came, and the sentence for what ended it before.
async function runBatch(mine, expressions) {
  const started = performance.now(), { during } = mine;
  let last = null, problem = "";
  try {
    let answer = await inTurn(() => show("batch", { expressions }, during));
    while (answer.batch) {
      const { done, total, added } = (last = answer.batch);
      if (mine.stopped || during !== visit) break;
      const left = done ? `, ${Math.ceil((((performance.now() - started) / done) * (total - done)) / 1000)} s left` : "";
      progress(`${done} of ${total} pictures, ${added} masks${left}`);
      answer = await askNow("next", {}, during);
    }
  } catch (error) {
    problem = error.message;
  }
  await inTurn(() => show("stop", {}, during)).catch((error) => (problem ||= error.message));
  return { last, problem };
}

pane("export").addEventListener("submit", async (event) => {
  event.preventDefault();
  const during = visit;
  const watching = setInterval(async () => {
    const { done, total } = await askNow("progress", {}, during).catch(() => ({}));
    if (total) progress(`${done} of ${total} pictures`);
  }, 500);
  progress("exporting");
  try {
    await waiting;
    const { path, name, masks: count, lint } = await askNow("export", { format: find("export-format").value }, during);
    take(path, name);
    tell(`${name}: ${count} masks.`, "info", lint);
  } catch (error) {
    tell(error.message, "error");
  }
  clearInterval(watching);
  progress("");
});

find("import-file").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  const during = visit, format = find("import-format").value;
  progress("importing");
  try {
    const { path } = await upload(file);
    if (during !== visit) return progress(`Importing into ${during.name} was stopped: nothing was added.`);
    const answer = await ask("import", { path, format });
    if (answer && during === visit) await inTurn(() => showAll(during));
    if (answer) tell(`${answer.masks} masks in ${answer.pictures} pictures.`);
  } catch (error) {
    tell(error.message, "error");
  }
  progress("");
});
