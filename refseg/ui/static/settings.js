(widget) => (threshold, opacity, colour, outline) => {
  const detail = { threshold, opacity, colour, outline };
  document.querySelector(widget)?.dispatchEvent(new CustomEvent("settings", { detail }));
}
