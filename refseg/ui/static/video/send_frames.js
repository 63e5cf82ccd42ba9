// Sends frames of a clip to the annotation tab. Only the browser knows which frame is shown and which project is open.

function openProject() {
  try {
    return localStorage.getItem("refseg-project") ?? "";
  } catch {
    return "";
  }
}

/** Inputs of `send_frame`. Called by Gradio with the values of its inputs. */
export function sendFrameInputs(_number, _project, ...rest) {
  return [Number(document.querySelector(".rs-player")?.dataset.current ?? 0), openProject(), ...rest];
}

/** Inputs of `send_all_frames`. */
export function sendAllFramesInputs(_project, ...rest) {
  return [openProject(), ...rest];
}

/** Announces to the annotation tab which project the frames are in. */
export function announceProject(key) {
  document.dispatchEvent(new CustomEvent("refseg-project", { detail: key }));
}
