// The list of the project's images, and adding images to it.

import { createElement, formatCount } from "../shared/dom.js";
import { savedObjects } from "./state.js";

const IMAGE_NAME = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|jp2)$/i;
const MAX_REPORTED = 5;

export function createImageList(editor) {
  const { find, state, constants, messages } = editor;
  const list = find("images");
  const filter = find("state-filter");
  const byUncertainty = find("by-uncertainty");

  filter.append(...constants.states.map((name) => createElement("option", { value: name, textContent: name })));

  /** Which images the list shows, and in which order. */
  const selection = () => ({ states: filter.value ? [filter.value] : null, by_uncertainty: byUncertainty.checked });

  const reload = () => editor.api.request("list_images", selection());

  function render() {
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    list.replaceChildren(...state.entries.map((entry) => createElement("li", {}, entryButton(entry))));
    if (focused) list.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
    markOpenImage();
  }

  function entryButton(entry) {
    const { name } = entry;
    const button = createElement(
      "button",
      { className: "rs-entry", data: { name }, onclick: () => editor.api.request("open_image", { name }) },
      createElement("i", { className: "rs-state" }),
      createElement("span", { textContent: name }),
      createElement("small"),
    );
    labelEntry(button, entry);
    return button;
  }

  /** Shows an image's state as a sign with its own shape and color, and in words. */
  function labelEntry(button, { name, state: imageState, objects, uncertainty }) {
    button.dataset.state = imageState;
    button.title = `${name}: ${imageState}, uncertainty ${uncertainty.toFixed(2)}`;
    button.ariaLabel = `${name}: ${imageState}, ${formatCount(objects, "object")}`;
    button.lastElementChild.textContent = objects || "";
  }

  /** Replaces an entry of the list. Returns its index, or -1 when it is not listed. */
  function updateEntry(entry) {
    const index = state.entries.findIndex(({ name }) => name === entry.name);
    if (index < 0) return index;
    state.entries[index] = entry;
    labelEntry(list.children[index].firstElementChild, entry);
    return index;
  }

  /** Marks the open image in the list, with its present state. */
  function markOpenImage() {
    const { image } = state;
    let index = -1;
    if (image) {
      const { name, state: imageState, uncertainty } = image;
      index = updateEntry({ name, state: imageState, objects: savedObjects(state).length, uncertainty });
    }
    find("position").textContent = image
      ? `${image.name} · ${image.state} · ${index + 1} of ${state.entries.length}`
      : "no image yet";
    list.querySelector('[aria-current="true"]')?.removeAttribute("aria-current");
    const button = list.children[index]?.firstElementChild;
    if (!button) return;
    button.setAttribute("aria-current", "true");
    button.scrollIntoView({ block: "nearest" });
  }

  async function addFiles(files) {
    const images = [...files].filter((file) => file.type.startsWith("image/") || IMAGE_NAME.test(file.name));
    if (!images.length)
      return messages.show("None of these files is an image. Choose JPEG, PNG or WebP files.", "error");
    const { visit } = state;
    const refused = [];
    let added = 0;
    for (const [index, file] of images.entries()) {
      messages.showProgress(`Adding image ${index + 1} of ${images.length}`);
      try {
        const { path } = await editor.host.upload(file);
        if (visit !== state.visit) break;
        const details = { path, name: file.name };
        await editor.api.enqueue(() => editor.api.sendAndShow("add_image", details, visit));
        added++;
      } catch (error) {
        refused.push(`${file.name}: ${error.message}`);
      }
      if (visit !== state.visit) break;
    }
    if (visit !== state.visit) {
      return messages.showProgress(`Stopped adding images to ${visit.name}: ${added} of ${images.length} were added.`);
    }
    messages.showProgress("");
    await reload();
    if (refused.length) {
      const text = `${refused.length} of ${images.length} files were not added.`;
      messages.show(text, "error", refused.slice(0, MAX_REPORTED));
    }
  }

  for (const name of ["add-images", "add-folder"]) {
    find(name).addEventListener("change", async (event) => {
      await addFiles(event.target.files);
      event.target.value = "";
    });
  }
  for (const control of [filter, byUncertainty]) control.addEventListener("change", reload);
  find("canvas").addEventListener("dragover", (event) => event.preventDefault());
  find("canvas").addEventListener("drop", (event) => {
    event.preventDefault();
    addFiles(event.dataTransfer.files);
  });

  return { render, markOpenImage, updateEntry, selection };
}
