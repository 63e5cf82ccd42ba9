// Predicts the same expressions in all images of the list.

import { formatCount } from "../shared/dom.js";

const MAX_REPORTED = 5;

export function createBatch(editor) {
  const { find, state, messages, api } = editor;
  const stopButton = find("batch-stop");

  /** Runs until the end, until it is stopped, or until another project is opened. */
  async function run(batch, expressions) {
    const startTime = performance.now();
    const { visit } = batch;
    let last = null;
    let problem = "";
    try {
      let answer = await api.enqueue(() => api.sendAndShow("start_batch", { expressions }, visit));
      while (answer.batch) {
        last = answer.batch;
        if (batch.isStopped || visit !== state.visit) break;
        messages.showProgress(progressText(last, performance.now() - startTime));
        answer = await api.sendNow("continue_batch", {}, visit);
      }
    } catch (error) {
      problem = error.message;
    }
    const stop = () => api.sendAndShow("stop_batch", {}, visit);
    await api.enqueue(stop).catch((error) => {
      problem ||= error.message;
    });
    return { last, problem };
  }

  async function start(event) {
    event.preventDefault();
    if (state.batch) return messages.show("A batch is running already. Wait until it ends, or stop it.");
    const batch = { visit: state.visit, isStopped: false };
    state.batch = batch;
    stopButton.disabled = false;
    const { last, problem } = await run(batch, find("batch-expressions").value.split("\n"));
    state.batch = null;
    stopButton.disabled = true;
    const isOpen = batch.visit === state.visit;
    const result = last
      ? `${formatCount(last.added, "object")} in ${last.done} of ${formatCount(last.total, "image")}`
      : "nothing was predicted";
    messages.showProgress(isOpen ? "" : `Stopped the batch in ${batch.visit.name}: ${result}.`);
    if (problem) messages.show(problem, "error", last ? [`${result}. Undo removes all of them.`] : []);
    else if (last && isOpen) {
      messages.show(`${result}. Undo removes all of them.`, "info", last.problems.slice(0, MAX_REPORTED));
    }
  }

  editor.pane("batch").addEventListener("submit", start);
  stopButton.addEventListener("click", () => {
    if (state.batch) state.batch.isStopped = true;
  });
}

/** "3 of 10 images, 4 objects, 12 s left". */
export function progressText({ done, total, added }, milliseconds) {
  const left = done ? `, ${Math.ceil(((milliseconds / done) * (total - done)) / 1000)} s left` : "";
  return `${done} of ${formatCount(total, "image")}, ${formatCount(added, "object")}${left}`;
}
