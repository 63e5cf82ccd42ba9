(threshold, opacity, colour, outline) => {
  const detail = { threshold, opacity, colour, outline };
  document.querySelector("#rs-player .rs-player")?.dispatchEvent(new CustomEvent("settings", { detail }));
}
