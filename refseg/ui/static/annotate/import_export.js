// Imports data sets into the project, and exports it. Both report what was skipped, lost or altered.

import { createElement } from "../shared/dom.js";
import { downloadFile, downloadJson } from "../shared/files.js";

const PROGRESS_INTERVAL = 500; // milliseconds between two requests for the progress of an export
const SPLITS = ["train", "val", "test"];

/**
 * Reads the shares of the splits, in percent.
 * @param {Record<string, string>} texts what was typed, by split; all empty for no splits
 * @returns {Record<string, number>|null} shares above 0, up to 1
 * @throws {Error} if a share is not a number from 0 to 100, or if they do not sum up to 100
 */
export function readShares(texts) {
  const entries = Object.entries(texts).map(([name, text]) => [name, text.trim()]);
  if (entries.every(([, text]) => text === "")) return null;
  const shares = entries.map(([name, text]) => [name, Number(text || 0)]);
  const sum = shares.reduce((total, [, value]) => total + value, 0);
  if (shares.some(([, value]) => !(value >= 0)) || Math.abs(sum - 100) > 0.01) {
    throw new Error(`The shares of the splits sum up to ${sum} %, expected 100 %. Change them, or clear all of them.`);
  }
  return Object.fromEntries(shares.filter(([, value]) => value > 0).map(([name, value]) => [name, value / 100]));
}

export function createImportExport(editor) {
  const { find, state, constants, messages, api } = editor;
  const exportFormat = find("export-format");

  const option = (value, text = value) => createElement("option", { value, textContent: text });
  exportFormat.append(...constants.exportFormats.map(({ name }) => option(name)));
  find("import-format").append(option("", "Guess"), ...constants.importFormats.map((name) => option(name)));

  function describeFormat() {
    const format = constants.exportFormats.find(({ name }) => name === exportFormat.value);
    find("export-about").textContent = format?.about ?? "";
  }

  function showReport(report, name) {
    messages.showReport(report.summary, "Download the report (JSON)", () => downloadJson(report, name));
  }

  async function exportProject(event) {
    event.preventDefault();
    const { visit } = state;
    let timer = null;
    try {
      const shares = readShares(Object.fromEntries(SPLITS.map((name) => [name, find(`share-${name}`).value])));
      const details = { format: exportFormat.value, accepted_only: find("accepted-only").checked, shares };
      messages.showProgress("Exporting");
      timer = setInterval(async () => {
        const { done, total } = await api.sendNow("progress", {}, visit).catch(() => ({}));
        if (timer && total) messages.showProgress(`Exporting: ${done} of ${total} images`);
      }, PROGRESS_INTERVAL);
      await api.whenIdle(); // changes in progress belong into the export
      const { path, name, report } = await api.sendNow("export", details, visit);
      downloadFile(path, name);
      showReport(report, `${name.replace(/\.zip$/, "")}-report.json`);
    } catch (error) {
      messages.showError(error);
    } finally {
      clearInterval(timer);
      timer = null;
      messages.showProgress("");
    }
  }

  async function importFile(event) {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    const { visit } = state;
    const format = find("import-format").value || null;
    messages.showProgress(`Importing ${file.name}`);
    try {
      const { path } = await editor.host.upload(file);
      if (visit !== state.visit) {
        return messages.showProgress(`Stopped importing into ${visit.name}: nothing was added.`);
      }
      const answer = await api.request("import", { path, format });
      if (answer && visit === state.visit) await api.enqueue(() => api.reload(visit));
      if (answer && visit === state.visit)
        showReport(answer.report, `${file.name.replace(/\.[^.]*$/, "")}-report.json`);
    } catch (error) {
      messages.showError(error);
    }
    messages.showProgress("");
  }

  exportFormat.addEventListener("change", describeFormat);
  describeFormat();
  editor.pane("export").addEventListener("submit", exportProject);
  find("import-file").addEventListener("change", importFile);
}
