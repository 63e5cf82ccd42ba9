(threshold, opacity, colour, outline) => {
  const hex = (text) => {
    const parts = String(text).match(/^rgba?\(([^)]+)\)$/)?.[1].split(",").slice(0, 3);
    const digits = (part) => Math.round(Number(part)).toString(16).padStart(2, "0");
    return parts ? "#" + parts.map(digits).join("") : String(text).slice(0, 7);
  };
  const detail = { threshold, opacity, colour: hex(colour), outline };
  document.querySelector("#rs-result .rs-result")?.dispatchEvent(new CustomEvent("settings", { detail }));
}
