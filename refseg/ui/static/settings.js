(threshold, opacity, colour, outline) => {
  const detail = { threshold, opacity, colour, outline };
  document.querySelector("#rs-result .rs-result")?.dispatchEvent(new CustomEvent("settings", { detail }));
}
