// The list of pictures, adding to it, and what is done with all of them: a batch, an export, an import.

const list = find("entries");
let entries = [];

const listing = () => ({ states: find("states").value ? [find("states").value] : null, hardest: find("hardest").checked });

function listEntries() {
  list.replaceChildren(
    ...entries.map(([name, state, count, doubt]) =>
      make(
        "li",
        {},
        make(
          "button",
          { className: "rs-entry", title: `${name}: ${state}, doubt ${doubt.toFixed(2)}`, data: { name, state }, onclick: () => ask("open", { name }) },
          make("i", { className: "rs-state" }),
          make("span", { textContent: name }),
          make("small", { textContent: count || "" }),
        ),
      ),
    ),
  );
  mark();
}

// The picture at hand in the list, with the state that it has now.
function mark() {
  const place = entries.findIndex(([name]) => name === picture?.name);
  find("where").textContent = picture ? `${picture.name} · ${picture.state} · ${place + 1} of ${entries.length}` : "no picture yet";
  list.querySelector('[aria-current="true"]')?.removeAttribute("aria-current");
  const button = list.children[place]?.firstElementChild;
  if (!button) return;
  entries[place] = [picture.name, picture.state, layers.length, picture.doubt];
  button.dataset.state = picture.state;
  button.lastElementChild.textContent = layers.length || "";
  button.setAttribute("aria-current", "true");
  button.scrollIntoView({ block: "nearest" });
}

// A picture that was left in another state than the list has it.
function remember(name, state) {
  const place = entries.findIndex((entry) => entry[0] === name);
  if (place < 0) return;
  entries[place][1] = state;
  list.children[place].firstElementChild.dataset.state = state;
}

for (const box of [find("states"), find("hardest")]) box.addEventListener("change", () => ask("list", listing()));

async function addFiles(files) {
  const chosen = [...files].filter((file) => /^image\//.test(file.type) || /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|jp2)$/i.test(file.name));
  if (!chosen.length) return tell("There is no picture among these files.", "error");
  const refused = [];
  for (const [number, file] of chosen.entries()) {
    progress(`adding ${number + 1} of ${chosen.length}`);
    try {
      const { path } = await upload(file);
      const answer = await askNow("add", { path, name: file.name, ...(number === chosen.length - 1 ? { last: true } : {}) });
      await receive(answer);
    } catch (error) {
      refused.push(`${file.name}: ${error.message}`);
    }
  }
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

let running = false;
pane("batch").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (running) return;
  running = true;
  find("batch-stop").disabled = false;
  const expressions = find("batch-text").value.split("\n");
  const started = performance.now();
  let answer = await ask("batch", { expressions });
  let last = null;
  while (running && answer?.batch) {
    const { done, total, added } = (last = answer.batch);
    const left = done ? `, ${Math.ceil((((performance.now() - started) / done) * (total - done)) / 1000)} s left` : "";
    progress(`${done} of ${total} pictures, ${added} masks${left}`);
    answer = await askNow("next").catch((error) => tell(error.message, "error"));
  }
  running = false;
  find("batch-stop").disabled = true;
  progress("");
  await ask("stop");
  if (last) tell(`${last.added} masks in ${last.done} of ${last.total} pictures. Undo takes all of them back.`, "info", last.problems.slice(0, 5));
});
find("batch-stop").addEventListener("click", () => (running = false));

pane("export").addEventListener("submit", async (event) => {
  event.preventDefault();
  const watching = setInterval(async () => {
    const { done, total } = await askNow("progress").catch(() => ({}));
    if (total) progress(`${done} of ${total} pictures`);
  }, 500);
  progress("exporting");
  try {
    await waiting;
    const { path, name, masks: count, lint } = await askNow("export", { format: find("export-format").value });
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
  progress("importing");
  try {
    const { path } = await upload(file);
    const answer = await ask("import", { path, format: find("import-format").value });
    await ask("enter", { name: picture?.name, ...listing() });
    if (answer) tell(`${answer.masks} masks in ${answer.pictures} pictures.`);
  } catch (error) {
    tell(error.message, "error");
  }
  progress("");
});
