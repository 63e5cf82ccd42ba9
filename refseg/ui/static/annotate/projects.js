// The start screen: creating and opening projects, and the author's name. The browser remembers the last project.

import { createElement } from "../shared/dom.js";

const STORAGE_KEYS = { project: "refseg-project", author: "refseg-author" };

function readStorage(name) {
  try {
    return localStorage.getItem(STORAGE_KEYS[name]) ?? "";
  } catch {
    return ""; // the browser forbids storage: projects then have to be opened by hand
  }
}

function writeStorage(name, value) {
  try {
    localStorage.setItem(STORAGE_KEYS[name], value);
  } catch {
    // likewise
  }
}

export function createProjects(editor) {
  const { root, find, state, messages, api } = editor;
  const author = find("author");

  /** Opens a project. What began during an earlier visit stops. */
  function open(key) {
    return api.enqueue(async () => {
      const visit = { key, name: "" };
      const answer = await api.sendNow("open_project", editor.describeView(), visit);
      visit.name = answer.project;
      state.visit = visit;
      writeStorage("project", key);
      root.dataset.state = "work";
      if (state.stroke) editor.tools.cancelStroke();
      state.image = null;
      state.objects = [];
      await editor.receive(answer);
      state.isStale = false;
    });
  }

  const openOrReport = (key) => open(key).catch(messages.showError.bind(messages));

  function close() {
    state.visit = null;
    writeStorage("project", "");
    root.dataset.state = "start";
    return api.enqueue(showStart).catch(messages.showError.bind(messages));
  }

  async function showStart() {
    if (state.stroke) editor.tools.cancelStroke();
    Object.assign(state, { visit: null, image: null, objects: [], entries: [] });
    const { projects, is_listed: isListed, location } = await api.sendNow("list_projects");
    find("location").textContent = isListed
      ? `Projects are folders in ${location}.`
      : "Only you can open your project. It is deleted a day after your last change: export it to keep it.";
    const button = (name) => createElement("button", { textContent: name, onclick: () => openOrReport(name) });
    find("projects").replaceChildren(...projects.map((name) => createElement("li", {}, button(name))));
    root.dataset.state = "start";
  }

  async function create(event) {
    event.preventDefault();
    const field = find("create-name");
    try {
      const { key } = await api.sendNow("create_project", { name: field.value.trim() || "my project" });
      field.value = "";
      await open(key);
    } catch (error) {
      messages.showError(error);
    }
  }

  async function start() {
    await api.enqueue(showStart);
    author.value = readStorage("author");
    const last = readStorage("project");
    if (last) await open(last).catch(() => writeStorage("project", ""));
    root.dataset.ready = "true";
  }

  author.addEventListener("change", () => writeStorage("author", author.value.trim()));
  find("create").addEventListener("submit", create);
  // The video tab has sent frames to a project.
  document.addEventListener("refseg-project", ({ detail }) => root.isConnected && detail && openOrReport(detail));

  return { start, close };
}
