// The overlay's controls (threshold, opacity, color, outline) are Gradio components. Their values travel to the widget
// that draws the mask as a "settings" event on its root element, without a request to the server.

/** Sends the current values to the widget that the CSS selector finds. Called by Gradio when a control changes. */
export function sendSettings(selector, threshold, opacity, color, outline) {
  const detail = { threshold, opacity, color, outline };
  document.querySelector(selector)?.dispatchEvent(new CustomEvent("settings", { detail }));
}

/** Calls `update` with the changed values whenever a control of this widget changes. */
export function onSettings(root, update) {
  root.addEventListener("settings", (event) => update(event.detail));
}
